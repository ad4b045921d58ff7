import json
from typing import Any

import numpy as np
import pytest

from tests.web.conftest import CLASS_NAMES, COPIES, QUALITY, WRITES, Page, write_scores_of


def pages_of(page: Page, **parameters: Any) -> list[int]:
    """Go through a queue page by page."""
    found: list[int] = []
    cursor = ""
    while True:
        answer = page.get("/api/grid", cursor=cursor, **parameters)
        assert len(answer["items"]) <= parameters["limit"]
        found += [item["id"] for item in answer["items"]]
        if answer["next_cursor"] is None:
            return found
        cursor = answer["next_cursor"]


@pytest.mark.parametrize("limit", [1, 3, 18, 200])
def test_pages_hold_every_tile_of_a_class_once(page: Page, limit: int) -> None:
    tiles = [row for row in range(20) if row not in COPIES[1:]]
    assert pages_of(page, class_id=0, limit=limit) == tiles
    assert page.get("/api/grid", class_id=0)["total"] == len(tiles)


def test_open_pages_leave_out_what_is_decided_and_go_on_where_they_were(page: Page) -> None:
    first = page.get("/api/grid", class_id=1, limit=5, only="open")
    assert ([item["id"] for item in first["items"]], first["total"]) == ([20, 21, 22, 23, 24], 20)
    for row in (22, 24, 26):
        page.decide(row)
    rest = pages_of(page, class_id=1, limit=5, only="open")
    assert rest == [20, 21, 23, 25, *range(27, 40)]
    following = page.get("/api/grid", class_id=1, limit=2, only="open", cursor=first["next_cursor"])
    assert ([item["id"] for item in following["items"]], following["total"]) == ([25, 27], 17)


def test_a_class_without_samples_has_an_empty_page(page: Page) -> None:
    assert page.get("/api/grid", class_id=3) == {"items": [], "next_cursor": None, "total": 0}
    assert page.get("/api/exemplars", class_id=3) == {"items": []}


def test_suspicious_labels_come_worst_first_of_all_or_of_one_class(page: Page) -> None:
    found = pages_of(page, queue="suspicious", limit=7)
    assert found == [row for row in range(30) if row not in COPIES[1:]]
    assert pages_of(page, queue="suspicious", class_id=1, limit=7) == list(range(20, 30))
    item = page.get("/api/grid", queue="suspicious", limit=1)["items"][0]
    assert item == {
        "id": 0,
        "key": "00.png",
        "given_label": 0,
        "state": "open",
        "correct_label": None,
        "decision_id": None,
        "copies": 1,
    }
    assert page.get("/api/grid", queue="suspicious")["items"][3]["copies"] == 3


def test_a_cursor_stays_good_when_the_order_changes(page: Page) -> None:
    cursor = page.get("/api/grid", queue="suspicious", limit=5)["next_cursor"]
    given = np.arange(60) // 20
    keys = [f"{number:02d}.png" for number in range(60)]
    write_scores_of(page.workspace, ["train"] * 55 + ["test"] * 5, keys, given, QUALITY < QUALITY[10])
    page.session.load_scores()
    following = page.get("/api/grid", queue="suspicious", limit=50, cursor=cursor)
    assert [item["id"] for item in following["items"]] == [7, 8, 9]


def test_the_plan_is_shown_in_its_order_and_read_again_when_it_changes(page: Page) -> None:
    assert [item["id"] for item in page.get("/api/grid", queue="plan")["items"]] == [50, 8, 41]
    assert [item["id"] for item in page.get("/api/grid", queue="plan", class_id=2)["items"]] == [50, 41]
    page.workspace.plan.write_text("key,queue,inclusion_probability,verification_label\n09.png,plan,0.5,\n", "utf-8")
    assert [item["id"] for item in page.get("/api/grid", queue="plan")["items"]] == [9]
    page.workspace.plan.write_text("anything\nelse", "utf-8")
    assert page.get("/api/grid", queue="plan")["items"] == []
    page.workspace.plan.unlink()
    assert page.get("/api/grid", queue="plan")["items"] == []


def test_a_random_draw_stays_until_it_is_decided_and_survives_a_restart(page: Page) -> None:
    first = pages_of(page, queue="audit", class_id=2, limit=50)
    assert sorted(first) == list(range(40, 55))
    assert first != sorted(first)
    assert pages_of(page, queue="audit", class_id=2, limit=50) == first
    kept = json.loads((page.workspace.root / "review" / "audit.json").read_text("utf-8"))
    assert [key for _, key in kept["2"]["samples"]] == [f"{row}.png" for row in first]
    for row in first:
        page.decide(row, queue="audit")
    assert pages_of(page, queue="audit", class_id=2, limit=50, only="open") == []


@pytest.mark.parametrize("cursor", ["x", "59", "-1", "1.0", "²", "1" * 40, "99999999999", " 1"])
def test_a_cursor_that_this_queue_never_gave_is_refused(page: Page, cursor: str) -> None:
    answer = page.client.get("/api/grid", params={"class_id": 0, "cursor": cursor})
    assert answer.status_code == 400
    assert "begin again" in answer.json()["error"]


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"class_id": "x"},
        {"class_id": -1},
        {"class_id": 0, "limit": 0},
        {"class_id": 0, "limit": 201},
        {"class_id": 0, "queue": "undo"},
        {"class_id": 0, "only": "closed"},
        {"class_id": 0, "cursor": "1" * 41},
    ],
)
def test_impossible_parameters_are_refused(page: Page, parameters: dict[str, Any]) -> None:
    answer = page.client.get("/api/grid", params=parameters)
    assert (answer.status_code, list(answer.json())) == (400, ["error"])


@pytest.mark.parametrize(
    "path", ["/classes/4", "/queues/undo", "/api/grid?class_id=4", "/api/suggestion?id=60", "/api/exemplars?class_id=4"]
)
def test_what_is_not_there_is_not_found(page: Page, path: str) -> None:
    answer = page.client.get(path)
    assert (answer.status_code, list(answer.json())) == (404, ["error"])
    people = page.client.get(path, headers={"Accept": "text/html"})
    is_page = not path.startswith("/api")
    assert people.headers["content-type"].startswith("text/html" if is_page else "application/json")


def test_the_overview_has_every_class_and_queue(page: Page) -> None:
    page.decide(0, "wrong")
    found = page.get("/api/overview")
    assert (found["title"], found["reviewer"], found["can_suggest"]) == ("Fruit <b>", "host", True)
    assert [row["name"] for row in found["classes"]] == list(CLASS_NAMES)
    assert found["classes"][0]["description"] == "round & <i>red</i>"
    assert [row["samples"] for row in found["classes"]] == [20, 20, 20, 0]
    assert found["total"] == {"samples": 60, "decided": 1, "correct": 0, "wrong": 1, "unsure": 0, "error": None}
    counts = {queue["name"]: queue["count"] for queue in found["queues"]}
    assert counts == {"plan": 3, "suspicious": 27, "audit": 54, "disagreement": 0}
    mine = page.client.get("/api/overview", headers={"X-Noisette-Reviewer": "J%C3%B8rn"}).json()
    assert mine["reviewer"] == "Jørn"


def test_suggestions_are_what_the_model_says_with_its_evidence(page: Page) -> None:
    found = page.get("/api/suggestion", id=0)
    assert found["suggested_label"] == 1
    assert found["probability"] == pytest.approx(0.98, abs=1e-6)
    assert found["label_quality"] == pytest.approx(0.02, abs=1e-6)
    assert found["evidence"] == f"8 of 10 neighbours are {CLASS_NAMES[1]}"


def test_without_scores_the_page_works_and_says_nothing(page: Page) -> None:
    page.workspace.detection.unlink()
    page.session.load_scores()
    assert page.get("/api/overview")["can_suggest"] is False
    assert page.get("/api/grid", queue="suspicious")["total"] == 0
    nothing = {"suggested_label": None, "probability": None, "label_quality": None, "evidence": ""}
    assert page.get("/api/suggestion", id=0) == nothing
    page.decide(1)
    assert (page.stored()[0].review.model_quality, page.stored()[0].review.model_suggestion) == (None, None)


@pytest.mark.parametrize("path", ["/", "/classes/0", "/classes/1", "/classes/2", "/queues/plan", "/queues/audit"])
def test_names_are_escaped_in_every_page_and_no_script_stands_in_one(page: Page, path: str) -> None:
    text = page.client.get(path).text
    assert "<script>" not in text
    assert "<b>" not in text.replace("<b id=", "")
    assert "<i>red" not in text
    assert "javascript:" not in text
    assert " style=" not in text
    assert "http://" not in text
    assert "https://" not in text
    if path == "/classes/1":
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    if path == "/classes/2":
        assert "pear &amp; &#39;plum&#39;" in text


def test_exemplars_are_pinned_verified_and_then_likely_ones(page: Page) -> None:
    likely = page.get("/api/exemplars", class_id=2)["items"]
    assert [(item["verified"], item["pinned"]) for item in likely] == [(False, False)] * 12
    assert likely[0]["id"] == 59  # of the highest quality
    page.decide(41)
    page.decide(58, "wrong")
    pin = {"class_id": 2, "sample_id": 45, "action": "pin"}
    page.post("/api/exemplars", pin)
    found = page.post("/api/exemplars", {"class_id": 2, "sample_id": 59, "action": "reject"})["items"]
    assert [(item["id"], item["verified"], item["pinned"]) for item in found[:3]] == [
        (45, False, True),
        (41, True, False),
        (57, False, False),
    ]
    assert {58, 59}.isdisjoint(item["id"] for item in found)
    kept = json.loads((page.workspace.root / "review" / "exemplars.json").read_text("utf-8"))
    assert kept == {"2": [["train", "45.png", "pin"], ["test", "59.png", "reject"]]}
    cleared = page.post("/api/exemplars", {"class_id": 2, "sample_id": 59, "action": "clear"})["items"]
    assert cleared[2]["id"] == 59


def test_an_exemplar_of_another_class_is_refused(page: Page) -> None:
    page.post("/api/exemplars", {"class_id": 2, "sample_id": 1, "action": "pin"}, status=400)
    page.post("/api/exemplars", {"class_id": 2, "sample_id": 45, "action": "love"}, status=400)
    page.post("/api/exemplars", {"class_id": 2, "sample_id": 99, "action": "pin"}, status=404)
    assert page.client.post("/api/exemplars", json={}, headers=WRITES).status_code == 400


def test_an_address_that_is_none_says_so_in_words(page: Page) -> None:
    answer = page.client.get("/nothing", headers={"Accept": "text/html"})
    assert (answer.status_code, "There is nothing at this address." in answer.text) == (404, True)
    assert page.client.get("/nothing").json() == {"error": "there is nothing at this address"}
    assert "There is no class 9." in page.client.get("/classes/9", headers={"Accept": "text/html"}).text
