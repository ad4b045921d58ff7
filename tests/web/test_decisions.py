from dataclasses import replace
from typing import Any

import pytest

from noisette.types import CORRECT, MISLABELLED, NONE_OF_THE_CLASSES, NOT_KNOWN, UNVERIFIED
from tests.web.conftest import COPIES, PER_CLASS, QUALITY, WRITES, Page


def test_a_decision_is_in_the_store_with_all_that_was_known_then(page: Page) -> None:
    answer = page.decide(30, "wrong", correct_label=2, seconds=1.5, queue="suspicious", client_id="token-1")
    [stored] = page.stored()
    review = stored.review
    assert answer["decision_id"] == stored.id
    assert (review.split, review.key, review.given_label) == ("train", "30.png", 1)
    assert (review.verification_label, review.correct_label) == (MISLABELLED, 2)
    assert (review.reviewer, review.queue, review.seconds, review.is_bulk) == ("ann", "suspicious", 1.5, False)
    assert review.model_quality == pytest.approx(QUALITY[30])
    assert (review.model_suggestion, review.inclusion_probability, review.client_id) == (1, None, "token-1")
    assert answer["progress"]["total"]["decided"] == 1
    assert answer["progress"]["class"] == {
        "id": 1,
        "samples": PER_CLASS,
        "decided": 1,
        "correct": 0,
        "wrong": 1,
        "unsure": 0,
        "error": None,
    }


@pytest.mark.parametrize(
    ("verdict", "label", "stored", "state"),
    [
        ("correct", None, (CORRECT, NOT_KNOWN), "correct"),
        ("wrong", 2, (MISLABELLED, 2), "wrong"),
        ("wrong", None, (MISLABELLED, NOT_KNOWN), "wrong"),
        ("none", None, (MISLABELLED, NONE_OF_THE_CLASSES), "none"),
        ("unsure", None, (UNVERIFIED, NOT_KNOWN), "unsure"),
    ],
)
def test_every_verdict_is_stored_and_shown(
    page: Page, verdict: str, label: int | None, stored: tuple[int, int], state: str
) -> None:
    page.decide(10, verdict, correct_label=label)
    review = page.stored()[0].review
    assert (review.verification_label, review.correct_label) == stored
    item = page.get("/api/grid", class_id=0)["items"][8]
    assert (item["id"], item["state"], item["correct_label"]) == (10, state, label)


def test_a_decision_sent_twice_is_one(page: Page) -> None:
    body = {"client_id": "same", "sample_id": 1, "verdict": "correct"}
    numbers = {page.post("/api/decisions", body)["decision_id"] for _ in range(3)}
    assert len(numbers) == 1
    assert len(page.stored()) == 1
    bulk = {"client_id": "same-bulk", "sample_ids": [10, 11], "verdict": "correct"}
    assert (
        page.post("/api/decisions/bulk", bulk)["decision_ids"] == page.post("/api/decisions/bulk", bulk)["decision_ids"]
    )
    assert len(page.stored()) == 3


def test_the_rest_is_correct_in_one_transaction_in_the_order_asked(page: Page) -> None:
    body = {"client_id": "rest", "sample_ids": [12, 10, 30], "verdict": "correct", "queue": "class"}
    answer = page.post("/api/decisions/bulk", body)
    stored = {row.id: row.review for row in page.stored()}
    assert [stored[number].key for number in answer["decision_ids"]] == ["12.png", "10.png", "30.png"]
    assert all(review.is_bulk and review.seconds is None for review in stored.values())
    assert (answer["progress"]["total"]["correct"], answer["progress"]["class"]["correct"]) == (3, 2)


def test_a_bulk_decision_with_an_unknown_sample_stores_nothing(page: Page) -> None:
    page.post("/api/decisions/bulk", {"client_id": "rest", "sample_ids": [1, 60], "verdict": "correct"}, status=404)
    assert page.stored() == []


def test_copies_are_one_tile_and_are_decided_and_undone_together(page: Page) -> None:
    tiles = [item["id"] for item in page.get("/api/grid", class_id=0)["items"]]
    assert [row for row in tiles if row in COPIES] == [COPIES[0]]
    answer = page.decide(COPIES[0], "wrong", seconds=2)
    assert [(row.review.key, row.review.seconds, row.review.is_bulk) for row in page.stored()] == [
        ("03.png", 2.0, False),
        ("04.png", None, True),
        ("05.png", None, True),
    ]
    assert answer["progress"]["total"]["wrong"] == 3
    undone = page.post("/api/undo", {"decision_ids": [answer["decision_id"]]})
    assert undone["samples"][0]["state"] == "open"
    assert undone["progress"]["total"]["decided"] == 0
    assert sorted(row.undoes for row in page.stored() if row.undoes) == [1, 2, 3]


def test_a_copy_with_another_label_is_a_tile_of_its_own(page: Page) -> None:
    page.decide(25)
    assert [row.review.key for row in page.stored()] == ["25.png"]


def test_undo_is_a_new_row_and_gives_back_what_stood_before(page: Page) -> None:
    first = page.decide(1, "correct")["decision_id"]
    second = page.decide(1, "none")["decision_id"]
    undone = page.post("/api/undo", {"decision_ids": [second]})
    assert (undone["samples"][0]["state"], undone["samples"][0]["decision_id"]) == ("correct", first)
    assert [row.undoes for row in page.stored()] == [None, None, second]
    assert page.post("/api/undo", {"decision_ids": [second]})["decision_ids"] == undone["decision_ids"]
    undone = page.post("/api/undo", {"decision_ids": [first]})
    assert (undone["samples"][0]["state"], undone["samples"][0]["decision_id"]) == ("open", None)
    assert undone["progress"]["class"]["decided"] == 0


def test_what_cannot_be_undone_is_named(page: Page) -> None:
    number = page.decide(1)["decision_id"]
    undoing = page.post("/api/undo", {"decision_ids": [number]})["decision_ids"][0]
    for wrong in (0, undoing + 1, 2**61):
        assert "there is no decision" in page.post("/api/undo", {"decision_ids": [wrong]}, status=404)["error"]
    assert "takes one back" in page.post("/api/undo", {"decision_ids": [undoing]}, status=400)["error"]


def test_a_bulk_decision_is_taken_back_by_one_request_with_its_copies(page: Page) -> None:
    rows = [12, COPIES[0], 30]
    bulk = page.post("/api/decisions/bulk", {"client_id": "rest", "sample_ids": rows, "verdict": "correct"})
    before = page.stored()
    undone = page.post("/api/undo", {"decision_ids": bulk["decision_ids"]})
    assert [(item["id"], item["state"]) for item in undone["samples"]] == [(row, "open") for row in rows]
    new = page.stored()[len(before) :]
    assert sorted(row.undoes for row in new if row.undoes) == [row.id for row in before]
    assert len({row.review.time for row in new}) == 1
    assert [row.undoes for row in new if row.id in undone["decision_ids"]] == bulk["decision_ids"]
    assert undone["progress"]["total"]["decided"] == 0


def test_decisions_are_taken_back_all_or_none(page: Page) -> None:
    numbers = [page.decide(row)["decision_id"] for row in (1, 10)]
    for refused in ([*numbers, 99], [*numbers, page.decide(11, reviewer="bob")["decision_id"]]):
        page.post("/api/undo", {"decision_ids": refused}, status=404 if 99 in refused else 409)
    assert [row.undoes for row in page.stored()] == [None, None, None]


def test_nobody_takes_back_what_another_decided(page: Page) -> None:
    bobs = page.decide(1, "wrong", reviewer="bob")["decision_id"]
    refused = page.post("/api/undo", {"decision_ids": [bobs]}, status=409, reviewer="ann")
    assert "this decision is bob's" in refused["error"]
    assert len(page.stored()) == 1
    page.post("/api/undo", {"decision_ids": [bobs]}, reviewer="bob")
    with page.workspace.reviews() as store:
        imported = replace(page.stored()[0].review, key="02.png", client_id="", reviewer="", queue="import")
        store.append([imported], from_file=True)
        number = store.last_id()
    refused = page.post("/api/undo", {"decision_ids": [number]}, status=409, reviewer="bob")
    assert "came from a file" in refused["error"]


def test_ones_own_decision_on_copies_is_taken_back_though_anothers_stands_there(page: Page) -> None:
    anns = page.decide(COPIES[0], "wrong")["decision_id"]
    page.decide(COPIES[0], "correct", reviewer="bob")
    item = page.post("/api/undo", {"decision_ids": [anns]})["samples"][0]
    assert item["state"] == "correct"
    undone = {row.undoes for row in page.stored()}
    assert {row.id for row in page.stored() if row.review.reviewer == "ann" and row.undoes is None} <= undone
    assert page.get("/api/grid", queue="disagreement")["total"] == 0


def test_a_planned_sample_keeps_the_chance_of_its_draw_in_that_queue_alone(page: Page) -> None:
    for row in (50, 8, 41):
        page.decide(row, queue="plan")
    page.decide(9, queue="plan")
    found = [(row.review.queue, row.review.inclusion_probability) for row in page.stored()]
    assert found == [("audit", 0.2), ("plan", 0.5), ("plan", 0.25), ("plan", None)]


def test_an_audited_sample_has_the_chance_of_its_draw(page: Page) -> None:
    page.decide(1)
    drawn = [item["id"] for item in page.get("/api/grid", queue="audit", limit=200, only="open")["items"]]
    assert sorted(drawn) == [
        row for row in range(55) if row != 1
    ]  # fewer than a draw takes; not those of the test split
    page.decide(drawn[0], queue="audit")
    assert (page.stored()[-1].review.queue, page.stored()[1].review.inclusion_probability) == ("audit", 1.0)


def test_the_estimated_error_comes_from_random_draws_alone(page: Page) -> None:
    assert page.decide(10, "wrong")["progress"]["total"]["error"] is None
    drawn = [item["id"] for item in page.get("/api/grid", queue="audit", class_id=1, only="open")["items"]]
    for row in drawn[:10]:
        answer = page.decide(row, "wrong" if row == drawn[0] else "correct", queue="audit")
    error = answer["progress"]["class"]["error"]
    assert error["value"] == pytest.approx(0.1)
    assert error["low"] == pytest.approx(1 / 20)  # one label of twenty is wrong for certain
    assert error["high"] == pytest.approx(0.4042, abs=1e-3)
    assert page.get("/api/overview")["classes"][0]["error"] is None
    page.post("/api/undo", {"decision_ids": [answer["decision_id"]]})
    again = page.get("/api/overview")["classes"][1]
    assert (again["decided"], again["error"]["value"]) == (9, pytest.approx(1 / 9))


def test_a_class_that_is_decided_whole_has_a_known_error(page: Page) -> None:
    for row in range(20, 40):
        answer = page.decide(row, "wrong" if row < 25 else "correct")
    assert answer["progress"]["class"]["error"] == {"value": 0.25, "low": 0.25, "high": 0.25}


def test_reviewers_who_differ_are_found_in_the_queue_of_disagreements(page: Page) -> None:
    page.decide(1, "correct", reviewer="ann")
    page.decide(1, "correct", reviewer="bob")
    page.decide(2, "wrong", reviewer="ann")
    last = page.decide(2, "correct", reviewer="bob %2F")["decision_id"]
    found = page.get("/api/grid", queue="disagreement", only="open")
    assert ([item["id"] for item in found["items"]], found["total"]) == ([2], 1)
    assert page.get("/api/grid", queue="disagreement", class_id=1)["items"] == []
    assert page.stored()[-1].review.reviewer == "bob /"
    page.post("/api/undo", {"decision_ids": [last]}, reviewer="bob %2F")
    assert page.get("/api/grid", queue="disagreement")["total"] == 0
    queues = {queue["name"]: queue["count"] for queue in page.get("/api/overview")["queues"]}
    assert queues["disagreement"] == 0


def test_what_others_decide_comes_with_the_changes(page: Page) -> None:
    page.decide(1)
    start = page.get("/api/changes", since=-1)
    assert (start["last"], start["items"]) == (1, [])
    page.decide(2, "none", reviewer="bob")
    found = page.get("/api/changes", since=start["last"], class_id=0)
    assert (found["last"], [(item["id"], item["state"]) for item in found["items"]]) == (2, [(2, "none")])
    assert (found["progress"]["total"]["decided"], found["progress"]["class"]["wrong"]) == (2, 1)
    assert page.get("/api/changes", since=2)["last"] == 2
    assert len(page.get("/api/changes", since=0)["items"]) == 2


def test_what_another_process_adds_is_shown(page: Page) -> None:
    page.decide(1)
    with page.workspace.reviews() as store:
        store.add(replace(page.stored()[0].review, key="02.png", client_id="another"))
    assert page.decide(10)["progress"]["total"]["decided"] == 3


@pytest.mark.parametrize(
    "change",
    [
        {"sample_id": "1"},
        {"sample_id": 1.5},
        {"sample_id": True},
        {"sample_id": -1},
        {"sample_id": None},
        {"sample_id": 2**70},
        {"verdict": "maybe"},
        {"verdict": "wrong", "correct_label": 0},
        {"verdict": "wrong", "correct_label": 4},
        {"verdict": "wrong", "correct_label": -2},
        {"verdict": "correct", "correct_label": 1},
        {"queue": "import"},
        {"queue": "'; drop table decisions"},
        {"seconds": -1},
        {"seconds": 1e9},
        {"seconds": "2"},
        {"client_id": ""},
        {"client_id": "a b"},
        {"client_id": "a" * 81},
        {"client_id": None},
        {"reviewer": "somebody"},
    ],
)
def test_an_impossible_decision_is_refused_with_a_sentence(page: Page, change: dict[str, Any]) -> None:
    body = {"client_id": "a", "sample_id": 1, "verdict": "correct"} | change
    assert len(page.post("/api/decisions", body, status=400)["error"]) > 10
    assert page.stored() == []


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"null", b"\xff", b'{"a": NaN}', b"[" * 60_000, b'"a"'])
def test_what_is_no_json_object_is_refused(page: Page, content: bytes) -> None:
    headers = WRITES | {"Content-Type": "application/json"}
    answer = page.client.post("/api/decisions", content=content, headers=headers)
    assert (answer.status_code, list(answer.json())) == (400, ["error"])


def test_seconds_that_are_no_number_are_refused(page: Page) -> None:
    headers = WRITES | {"Content-Type": "application/json"}
    for word in (b"NaN", b"Infinity", b"1e999"):
        content = b'{"client_id": "a", "sample_id": 1, "verdict": "correct", "seconds": ' + word + b"}"
        assert page.client.post("/api/decisions", content=content, headers=headers).status_code == 400


@pytest.mark.parametrize("name", ["x" * 201, "a%0Ab", "a%00", "%1b[31m", "%E2%80%AE"])
def test_a_reviewer_with_an_unprintable_or_endless_name_is_refused(page: Page, name: str) -> None:
    body = {"client_id": "a", "sample_id": 1, "verdict": "correct"}
    page.post("/api/decisions", body, status=400, reviewer=name)
    assert page.stored() == []


def test_a_page_of_another_workspace_is_refused(page: Page) -> None:
    body = {"client_id": "a", "sample_id": 1, "verdict": "correct"}
    own = {"X-Noisette-Workspace": page.session.samples.workspace_id}
    refused = page.client.post("/api/decisions", json=body, headers=WRITES | {"X-Noisette-Workspace": "another"})
    assert (refused.status_code, "reload it" in refused.json()["error"]) == (403, True)
    assert page.stored() == []
    assert own["X-Noisette-Workspace"] in page.client.get("/").text
    assert page.client.post("/api/decisions", json=body, headers=WRITES | own).status_code == 200


def test_an_unknown_sample_is_not_found(page: Page) -> None:
    page.post("/api/decisions", {"client_id": "a", "sample_id": 60, "verdict": "correct"}, status=404)
    page.post("/api/decisions/bulk", {"client_id": "a", "sample_ids": [], "verdict": "correct"}, status=400)
    many = {"client_id": "a", "sample_ids": [1] * 201, "verdict": "correct"}
    page.post("/api/decisions/bulk", many, status=400)
