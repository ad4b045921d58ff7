"""Requests made of all kinds of nonsense: the server answers every one, and never by failing.

$NOISETTE_FUZZ says how many of each kind (300).
"""

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from noisette.pipeline.review import ReviewSession
from noisette.web.app import make_app
from noisette.web.guard import GuardSettings
from tests.web.conftest import BASE, WRITES, make_workspace

EXAMPLES = int(os.environ.get("NOISETTE_FUZZ", "300"))
READS = ("/", "/api/overview", "/api/grid", "/api/exemplars", "/api/suggestion", "/api/changes", "/api/refit")
PLACES = ("/classes/", "/queues/", "/thumb/", "/image/", "/static/", "/api/", "/")
POSTS = ("/api/decisions", "/api/decisions/bulk", "/api/undo", "/api/exemplars")
NAMES = ("class_id", "queue", "cursor", "limit", "only", "id", "since", "token")
FIELDS = (
    "client_id",
    "sample_id",
    "sample_ids",
    "verdict",
    "correct_label",
    "seconds",
    "queue",
    "decision_ids",
    "action",
)
WORDS = (
    "class",
    "plan",
    "suspicious",
    "audit",
    "disagreement",
    "open",
    "all",
    "correct",
    "wrong",
    "none",
    "unsure",
    "pin",
)

words = st.one_of(
    st.sampled_from(WORDS),
    st.integers(-2, 61).map(str),
    st.sampled_from(
        ["", "..", "%00", "\x00", "²", "1e9", "NaN", "-0", "0x1", "9" * 30, "<script>", "../" * 5, "é", "' or 1=1"]
    ),
    st.text(max_size=20),
)
numbers = st.one_of(st.integers(-2, 61), st.integers(), st.floats())
values = st.one_of(st.none(), st.booleans(), numbers, words, st.lists(st.integers(-1, 61), max_size=5))
good = {
    "client_id": st.text("abc", min_size=1, max_size=3),
    "sample_id": st.integers(0, 59),
    "sample_ids": st.lists(st.integers(0, 59), min_size=1, max_size=5),
    "verdict": st.sampled_from(["correct", "wrong", "none", "unsure"]),
    "correct_label": st.one_of(st.none(), st.integers(0, 3)),
    "queue": st.sampled_from(["class", "plan", "suspicious", "audit", "disagreement"]),
    "decision_ids": st.lists(st.integers(0, 30), min_size=1, max_size=3),
    "class_id": st.integers(0, 3),
    "action": st.sampled_from(["pin", "reject", "clear"]),
}
KNOWN = {
    "/api/decisions": ("client_id", "sample_id", "verdict", "correct_label", "queue"),
    "/api/decisions/bulk": ("client_id", "sample_ids", "verdict", "queue"),
    "/api/undo": ("decision_ids",),
    "/api/exemplars": ("class_id", "sample_id", "action"),
}


@st.composite
def writes(draw: st.DrawFn) -> tuple[str, bytes]:
    """Give a write that is right but for a few fields, or no JSON at all."""
    path = draw(st.sampled_from(POSTS))
    if draw(st.integers(0, 9)) == 0:
        return path, draw(st.binary(max_size=50))
    body: dict[str, Any] = {name: draw(good[name]) for name in KNOWN[path]}
    for name in draw(st.lists(st.sampled_from(FIELDS), max_size=2)):
        body[name] = draw(values)
    return path, json.dumps(body).encode("utf-8", "surrogatepass")


reads = st.tuples(
    st.one_of(
        st.sampled_from(READS), st.tuples(st.sampled_from(PLACES), words).map(lambda part: part[0] + quote(part[1]))
    ),
    st.dictionaries(st.sampled_from(NAMES), words, max_size=4),
)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Any:
    root: Path = tmp_path_factory.mktemp("fuzz") / "fruit"
    fast = GuardSettings(requests_per_second=1e9, burst=1e9)
    app = make_app(ReviewSession(make_workspace(root), "host"), fast)
    with TestClient(app, base_url=BASE, raise_server_exceptions=False) as client:
        yield client


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(reads)
def test_no_read_makes_the_server_fail(client: TestClient, read: tuple[str, dict[str, str]]) -> None:
    path, parameters = read
    answer = client.get(
        path, params={name: value.encode("utf-8", "replace").decode() for name, value in parameters.items()}
    )
    assert answer.status_code < 500, answer.text
    if answer.url.path.startswith("/api/"):  # the client itself makes "/" of "/api/.."
        assert ("error" in answer.json()) == (answer.status_code >= 400) or path == "/api/refit"


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(writes())
def test_no_write_makes_the_server_fail(client: TestClient, write: tuple[str, bytes]) -> None:
    path, body = write
    answer = client.post(path, content=body, headers=WRITES | {"Content-Type": "application/json"})
    assert answer.status_code < 500, answer.text
    assert ("error" in answer.json()) == (answer.status_code >= 400)


@settings(max_examples=EXAMPLES // 3, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.dictionaries(
        st.sampled_from(
            [
                "Host",
                "Cookie",
                "Origin",
                "Authorization",
                "If-None-Match",
                "Content-Length",
                "X-Noisette-Reviewer",
                "Accept",
                "Sec-Fetch-Site",
                "Content-Type",
                "Range",
            ]
        ),
        st.binary(max_size=30),
    )
)
def test_no_header_makes_the_server_fail(client: TestClient, headers: dict[str, bytes]) -> None:
    clean = {name.encode(): value.translate(None, b"\r\n\x00") for name, value in headers.items()}
    for path in ("/", "/thumb/1", "/static/base.css", "/api/overview"):
        answer = client.get(path, headers=list(clean.items()))
        assert answer.status_code < 500, answer.text
