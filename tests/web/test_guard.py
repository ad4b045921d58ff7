from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from noisette.web.guard import MAX_BODY, SECURITY_HEADERS, GuardSettings
from tests.web.conftest import BASE, WRITES, Page, client_of, make_workspace

BODY = {"client_id": "a", "sample_id": 1, "verdict": "correct"}
TOKEN = "a token of the test"


def write(page: Page, headers: dict[str, str], **more: str) -> Any:
    return page.client.post("/api/decisions", json=BODY, headers=headers | more)


def test_every_answer_has_the_headers_that_keep_a_browser_safe(page: Page) -> None:
    answers = [
        page.client.get("/"),
        page.client.get("/api/overview"),
        page.client.get("/thumb/1"),
        page.client.get("/static/base.css"),
        page.client.get("/nothing"),
        page.client.get("/api/grid"),
        page.client.get("/", headers={"host": "evil.example"}),
        page.client.post("/api/undo", json={}),
        page.client.put("/api/undo"),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 404, 400, 403, 403, 403]
    for answer in answers:
        assert {name: answer.headers[name] for name in SECURITY_HEADERS} == SECURITY_HEADERS
    policy = answers[0].headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "unsafe" not in policy
    assert "http" not in policy


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8765",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "localhost@evil.example",
        "192.168.0.7:8765",
        "[::2]",
        "[::1",
        "",
    ],
)
def test_a_name_that_was_rebound_to_this_machine_is_refused(page: Page, host: str) -> None:
    assert page.client.get("/api/overview", headers={"host": host}).status_code == 403


@pytest.mark.parametrize("host", ["localhost", "localhost:9000", "LOCALHOST:9000", "127.0.0.1:1", "[::1]:8765"])
def test_loopback_names_pass_with_any_port_for_ports_are_forwarded(page: Page, host: str) -> None:
    assert page.client.get("/api/overview", headers={"host": host}).status_code == 200


def test_a_write_needs_our_own_header_origin_and_content_type(page: Page) -> None:
    assert write(page, WRITES).status_code == 200
    without = {name: value for name, value in WRITES.items() if name != "X-Noisette"}
    assert write(page, without).status_code == 403
    for origin in (
        "http://evil.example",
        "null",
        "http://127.0.0.1:8766",
        "https://127.0.0.1:8765",
        "http://localhost",
    ):
        assert write(page, WRITES, Origin=origin).status_code == 403, origin
    for site in ("cross-site", "same-site"):
        assert write(page, WRITES, **{"Sec-Fetch-Site": site}).status_code == 403, site
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
        assert write(page, WRITES, **{"Content-Type": kind}).status_code == 400, kind
    assert len(page.stored()) == 1


def test_a_script_without_origin_may_write_and_a_refused_write_leaves_no_trace(page: Page) -> None:
    assert write(page, {"X-Noisette": "1"}).status_code == 200
    refused = write(page, {"Origin": BASE})
    assert refused.json() == {"error": "a write needs the header X-Noisette: 1"}
    assert len(page.stored()) == 1


@pytest.mark.parametrize("path", ["/api/decisions", "/api/decisions/bulk", "/api/undo", "/api/exemplars", "/api/refit"])
def test_no_write_of_another_site_gets_through(page: Page, path: str) -> None:
    for change in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"X-Noisette": "0"}):
        assert page.client.post(path, json={}, headers=WRITES | change).status_code == 403


def test_another_site_may_link_to_a_page_but_not_embed_or_read_anything(page: Page) -> None:
    foreign = {"Sec-Fetch-Site": "cross-site"}
    assert page.client.get("/thumb/1", headers=foreign | {"Sec-Fetch-Mode": "no-cors"}).status_code == 403
    assert page.client.get("/api/overview", headers=foreign | {"Sec-Fetch-Mode": "cors"}).status_code == 403
    frame = foreign | {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}
    assert page.client.get("/", headers=frame).status_code == 403
    link = foreign | {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert page.client.get("/", headers=link).status_code == 200


def test_a_body_over_64_kib_is_refused_whatever_length_it_claims(page: Page) -> None:
    headers = WRITES | {"Content-Type": "application/json"}
    fits = b'{"client_id": "' + b"a" * (MAX_BODY - 17) + b'"}'
    assert page.client.post("/api/undo", content=fits, headers=headers).status_code == 400
    assert page.client.post("/api/undo", content=fits + b" ", headers=headers).status_code == 413

    def chunks() -> Iterator[bytes]:
        yield from [b"a" * 1024] * 100

    assert page.client.post("/api/undo", content=chunks(), headers=headers).status_code == 413
    for length in ("9" * 30, "-1", "x"):
        assert (
            page.client.post("/api/undo", content=b"{}", headers=headers | {"Content-Length": length}).status_code
            == 413
        )


def test_requests_that_come_too_fast_are_refused_for_a_while(tmp_path: Path) -> None:
    guard = GuardSettings(requests_per_second=0.001, burst=3)
    with client_of(make_workspace(tmp_path / "fruit"), guard) as client:
        answers = [client.get("/api/overview") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert answers[-1].headers["retry-after"] == "1"


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[TestClient]:
    guard = GuardSettings(token=TOKEN, hosts=("shared.example",), any_address=True, cookie="noisette_1")
    with client_of(make_workspace(tmp_path / "fruit"), guard, "http://shared.example:1") as client:
        yield client


def test_without_the_token_nothing_is_shown_but_our_own_styles(guarded: TestClient) -> None:
    for path in ("/", "/api/overview", "/thumb/1", "/image/1", "/classes/0", "/queues/plan", "/api/refit", "/nothing"):
        answer = guarded.get(path)
        assert answer.status_code == 401, path
        assert "apple" not in answer.text
    assert guarded.post("/api/decisions", json=BODY, headers={"X-Noisette": "1"}).status_code == 401
    assert guarded.get("/static/base.css").status_code == 200
    assert guarded.get("/static/../app.py").status_code == 401


def test_the_token_becomes_a_cookie_that_no_script_and_no_other_site_gets(guarded: TestClient) -> None:
    answer = guarded.get("/", params={"token": TOKEN})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("noisette_1=")
    assert "; HttpOnly; SameSite=Strict" in cookie
    assert TOKEN not in cookie
    assert guarded.get("/api/overview").status_code == 200
    headers = {"X-Noisette": "1", "Origin": "http://shared.example:1"}
    assert guarded.post("/api/decisions", json=BODY, headers=headers).status_code == 200


@pytest.mark.parametrize("token", ["", "a", TOKEN[:-1], TOKEN + "x", "à", "\x00"])
def test_a_wrong_token_opens_nothing(guarded: TestClient, token: str) -> None:
    answer = guarded.get("/", params={"token": token})
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    cookie = {"cookie": f"noisette_1={token.encode('ascii', 'replace').decode()}"}
    assert guarded.get("/api/overview", headers=cookie if token.isprintable() else {}).status_code == 401


def test_a_token_in_another_address_than_the_first_page_counts_for_nothing(guarded: TestClient) -> None:
    assert guarded.get("/api/overview", params={"token": TOKEN}).status_code == 401
    assert guarded.get("/api/overview", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
    assert guarded.get("/api/overview", headers={"Authorization": "Bearer x"}).status_code == 401


def test_on_all_addresses_any_address_passes_and_no_foreign_name(guarded: TestClient) -> None:
    proof = {"Authorization": f"Bearer {TOKEN}"}
    for host, status in (("192.168.0.7:1", 200), ("[fe80::1]:1", 200), ("evil.example:1", 403), ("localhost", 403)):
        assert guarded.get("/api/overview", headers=proof | {"Host": host}).status_code == status, host


def test_people_see_a_page_where_scripts_see_json(guarded: TestClient) -> None:
    answer = guarded.get("/", headers={"Accept": "text/html,*/*"})
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "A token is needed" in answer.text


def test_there_are_no_docs_no_description_and_no_web_socket(page: Page) -> None:
    for path in ("/docs", "/redoc", "/openapi.json"):
        assert page.client.get(path).status_code == 404
    with pytest.raises(WebSocketDisconnect), page.client.websocket_connect("/"):
        pass
