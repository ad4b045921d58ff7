"""The suite that the review store passes on every database. A test module subclasses it and gives an empty one."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import DBAPIError

from noisette.errors import InvalidInputError
from noisette.store import (
    ClassProgress,
    Repair,
    ResolvedLabels,
    ReviewCounts,
    ReviewStore,
    StoredReview,
    places_in,
    review_columns,
)
from noisette.store.review_standing import rebuild_standing
from noisette.types import Review

NOW = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
SOURCE = str(Path(__file__).resolve().parents[2] / "src")

WRITER = """
import sys
from datetime import UTC, datetime
from noisette.store import ReviewStore
from noisette.types import Review

url, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
with ReviewStore(url) as store:
    print("ready", flush=True)
    for number in range(count):
        for key in (f"{name}-{number}", f"shared-{number}"):
            review = Review(key=key, given_label=number % 7, verification_label=1, time=datetime.now(UTC),
                            reviewer="r", queue="class", client_id=f"token-{key}")
            print(key, store.add(review), flush=True)
"""

ENDLESS = """
import sys
from datetime import UTC, datetime
from noisette.store import ReviewStore
from noisette.types import Review

def source():
    for number in range(10**9):
        if number == 2000:
            print("in the middle", flush=True)
        yield Review(key=f"new-{number}", given_label=0, verification_label=1, time=datetime.now(UTC))

ReviewStore(sys.argv[1]).append(source())
"""


def review(key: str = "a", verdict: int = 1, **values: Any) -> Review:
    settings: dict[str, Any] = {"given_label": 3, "time": NOW} | values
    return Review(key=key, verification_label=verdict, **settings)


def said(key: str, verdict: int, reviewer: str, **values: Any) -> Review:
    """Give a decision taken on the page."""
    return review(key, verdict, reviewer=reviewer, queue="class", **values)


def resolve_one(store: ReviewStore, given_label: int = 3) -> ResolvedLabels:
    return store.resolve(["train"], ["a"], np.array([given_label]))


def what_stands(store: ReviewStore, key: str = "a") -> tuple[int, int, str] | None:
    """Give (verification label, correct label, reviewer) of the decision that stands; every door must say the same."""
    found = store.standing([("train", key)]).get(("train", key))
    assert store.latest().get(("train", key)) == (None if found is None else found.review)
    if found is None:
        return None
    return found.review.verification_label, found.review.correct_label, found.review.reviewer


def start(script: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": SOURCE})


class StoreContract:
    """Subclass it, and give the fixture `url`."""

    @pytest.fixture
    def url(self) -> str:
        """Give the URL of an empty database."""
        raise NotImplementedError

    @pytest.fixture
    def store(self, url: str) -> Iterator[ReviewStore]:
        with ReviewStore(url) as opened:
            yield opened

    @pytest.fixture
    def connection(self, url: str, store: ReviewStore) -> Iterator[Connection]:  # noqa: ARG002
        """Give a plain connection to a database that has its tables."""
        engine = create_engine(url)
        with engine.connect() as opened:
            yield opened
        engine.dispose()

    # -- appending, from files and elsewhere --------------------------------------------------------------------------

    def test_decisions_come_back_as_they_were(self, store: ReviewStore, url: str) -> None:
        decisions = [
            review(
                "images/é 1.jpg",
                0,
                correct_label=-2,
                reviewer="ann",
                split="val",
                inclusion_probability=0.25,
                queue="random",
                seconds=2.5,
                is_bulk=True,
                model_quality=0.25,
                model_suggestion=-2,
                client_id="t-1",
            ),
            review("b", -1, time=NOW.astimezone(timezone(timedelta(hours=5)))),
        ]
        assert store.append(decisions) == 2
        with ReviewStore(url) as again:
            found = list(again.reviews())
        assert found == decisions
        assert all(one.time.utcoffset() == timedelta(0) for one in found)

    def test_many_decisions_in_order(self, store: ReviewStore) -> None:
        assert store.append(review(f"k{i}") for i in range(2345)) == 2345
        assert [one.key for one in store.reviews()] == [f"k{i}" for i in range(2345)]

    def test_importing_twice_adds_nothing(self, store: ReviewStore) -> None:
        file = [review("a", 1), review("b", 0, correct_label=2), review("c", -1)]
        assert store.append(file) == 3
        later = [
            review(one.key, one.verification_label, correct_label=one.correct_label, time=NOW + timedelta(1))
            for one in file
        ]
        assert store.append(later) == 0
        assert store.append([*later, review("d")]) == 1

    def test_importing_again_does_not_undo_what_a_person_said_since(self, store: ReviewStore) -> None:
        store.append([review("a", 1)])
        store.append([review("a", 0, queue="suspicious", reviewer="ann")])
        assert store.append([review("a", 1)]) == 0
        assert store.latest()["train", "a"].verification_label == 0

    def test_a_changed_file_can_be_changed_back(self, store: ReviewStore) -> None:
        for verdict in (1, 0, 1):
            assert store.append([review("a", verdict)]) == 1
        assert store.latest()["train", "a"].verification_label == 1

    def test_files_of_two_reviewers_do_not_hide_each_other(self, store: ReviewStore) -> None:
        assert store.append([review(reviewer="ann"), review(reviewer="bob")]) == 2
        assert store.append([review(reviewer="ann"), review(reviewer="bob")]) == 0

    def test_a_decision_sent_twice_is_added_once_but_may_be_taken_again(self, store: ReviewStore) -> None:
        shown = review("a", 1, queue="random")
        assert store.append([shown, shown]) == 1
        assert store.append([shown]) == 0
        assert store.append([review("a", 1, queue="random", time=NOW + timedelta(seconds=1))]) == 1

    def test_the_last_decision_stands_also_when_it_is_unsure(self, store: ReviewStore) -> None:
        store.append(
            [
                review("a", 1),
                review("a", 1, split="val"),
                review("b", 0),
                review("a", -1, queue="random"),
                review("c", 0),
            ]
        )
        assert {name: one.verification_label for name, one in store.latest().items()} == {
            ("train", "a"): -1,
            ("val", "a"): 1,
            ("train", "b"): 0,
            ("train", "c"): 0,
        }
        assert store.counts() == ReviewCounts(decisions=5, samples=4, correct=1, mislabelled=2, unsure=1)

    def test_standing_labels_in_the_order_of_samples(self, store: ReviewStore) -> None:
        store.append([review("a", 0, correct_label=7), review("b", 1), review("b", 1, split="val", given_label=4)])
        found = store.resolve(["val", "train", "train", "train"], ["b", "b", "x", "a"], np.array([3, 3, 3, 3]))
        assert found.verification_labels.tolist() == [-1, 1, -1, 0]
        assert found.correct_labels.tolist() == [-1, -1, -1, 7]
        assert found.changed.tolist() == [True, False, False, False]

    def test_a_file_that_states_queues_adds_nothing_the_second_time(self, store: ReviewStore) -> None:
        file = [review("a", 1, queue="audit", inclusion_probability=0.25), review("b", 0, queue="plan")]
        later = [replace(one, time=NOW + timedelta(1), seconds=3.0) for one in file]
        assert store.append(file, from_file=True) == 2
        assert store.append(later, from_file=True) == 0
        assert store.append([replace(one, queue="import") for one in later], from_file=True) == 2
        assert store.append(later) == 2, "on a page, the same decision at another time is a decision"

    def test_a_file_may_add_the_probability_that_it_lacked(self, store: ReviewStore) -> None:
        store.append([review("a", 1)], from_file=True)
        assert np.isnan(resolve_one(store).inclusion_probabilities[0])
        assert store.append([review("a", 1, inclusion_probability=0.5)], from_file=True) == 1
        assert resolve_one(store).inclusion_probabilities.tolist() == [0.5]

    def test_a_second_look_does_not_change_how_a_sample_was_drawn(self, store: ReviewStore) -> None:
        store.append([review("a", 1, queue="audit", inclusion_probability=0.125)])
        store.append([review("a", 0, queue="suspicious"), review("a", 0, queue="plan", inclusion_probability=0.5)])
        found = resolve_one(store)
        assert found.verification_labels.tolist() == [0]
        assert found.inclusion_probabilities.tolist() == [0.125]
        assert found.is_audit.tolist() == [True]

    def test_a_draw_belongs_to_the_given_label_it_was_made_for(self, store: ReviewStore) -> None:
        store.append([review("a", 1, queue="plan", inclusion_probability=0.5), review("a", 1, given_label=4)])
        for given, expected in ((3, -1), (4, 1)):
            found = resolve_one(store, given)
            assert found.verification_labels.tolist() == [expected]
            assert np.isnan(found.inclusion_probabilities).all()
            assert not found.is_audit.any()

    def test_an_unsure_decision_is_marked_and_has_no_probability(self, store: ReviewStore) -> None:
        store.append([review("a", -1, queue="audit", inclusion_probability=0.5)])
        found = resolve_one(store)
        assert found.is_unsure.tolist() == [True]
        assert np.isnan(found.inclusion_probabilities).all()
        assert not found.is_audit.any()

    def test_the_median_time_of_a_decision_leaves_out_those_not_timed(self, store: ReviewStore) -> None:
        assert store.median_seconds() is None
        store.append([review("a"), review("b", seconds=0.0)])
        assert store.median_seconds() is None
        store.append(review(f"k{i}", seconds=seconds) for i, seconds in enumerate((2.0, 900.0, 4.0, 3.0)))
        assert store.median_seconds() == 3.5

    def test_an_empty_store(self, store: ReviewStore) -> None:
        assert (list(store.reviews()), store.latest(), store.append([])) == ([], {}, 0)
        assert store.counts() == ReviewCounts(0, 0, 0, 0, 0)

    @pytest.mark.parametrize(
        ("values", "message"),
        [
            ({"verdict": 2}, r"`verification_label` of the review of 'z' must be 1, 0 or -1, got 2"),
            ({"correct_label": -3}, r"`correct_label` of the review of 'z' must be a class id, -1 or -2, got -3"),
            ({"time": datetime(2026, 1, 1)}, r"`time` of the review of 'z' needs a time zone"),
            (
                {"inclusion_probability": 0.0},
                r"`inclusion_probability` of the review of 'z' must lie in \(0, 1\], got 0\.0",
            ),
            ({"seconds": -0.1}, r"`seconds` of the review of 'z' must be a number from 0 on, got -0\.1"),
            ({"seconds": float("nan")}, r"`seconds` of the review of 'z' must be a number from 0 on, got nan"),
            ({"key": ""}, r"`key` of a review must not be empty"),
        ],
    )
    def test_an_impossible_decision_lets_none_in(
        self, store: ReviewStore, values: dict[str, Any], message: str
    ) -> None:
        good = [review(f"k{i}") for i in range(500)]
        with pytest.raises(InvalidInputError, match=message):
            store.append([*good, review(**({"key": "z"} | values))])
        assert store.counts().decisions == 0

    def test_a_source_that_fails_lets_none_in(self, store: ReviewStore) -> None:
        def source() -> Iterator[Review]:
            yield from (review(f"k{i}") for i in range(500))
            raise RuntimeError("the file is gone")

        with pytest.raises(RuntimeError, match="the file is gone"):
            store.append(source())
        assert store.counts().decisions == 0

    # -- one decision at a time, as on the page -----------------------------------------------------------------------

    def test_a_decision_has_a_number_and_can_be_found_by_it(self, store: ReviewStore) -> None:
        decisions = [said("a", 0, "ann", correct_label=-2, client_id="1"), said("b", -1, "bob", seconds=0.5)]
        numbers = [store.add(one) for one in decisions]
        assert numbers[0] < numbers[1] == store.last_id()
        expected = [StoredReview(number, one) for number, one in zip(numbers, decisions, strict=True)]
        assert store.since(0, 10) == expected
        assert store.since(0, 1) == expected[:1]
        assert store.since(numbers[0], 10) == expected[1:]
        assert store.since(numbers[1], 10) == []
        asked = [("train", "b"), ("train", "a"), ("val", "a"), ("train", "b")]
        assert store.standing(asked) == {("train", "a"): expected[0], ("train", "b"): expected[1]}
        assert store.standing([]) == {}

    def test_the_same_token_is_the_same_decision_whatever_comes_with_it(self, store: ReviewStore) -> None:
        first = store.add(said("a", 1, "ann", client_id="t"))
        again = said("a", 0, "bob", client_id="t", time=NOW + timedelta(1), seconds=3.0)
        assert store.add(again) == first
        assert store.add_many([again, replace(again, client_id="u"), again])[::2] == [first, first]
        assert store.append([again], from_file=True) == 0
        assert store.counts().decisions == 2

    def test_one_token_may_stand_for_a_decision_on_many_samples(self, store: ReviewStore) -> None:
        bulk = [said(f"k{i}", 1, "ann", client_id="t", is_bulk=True) for i in range(450)]
        numbers = store.add_many(bulk)
        assert numbers == sorted(set(numbers))
        assert store.add_many(bulk[::-1]) == numbers[::-1]
        assert [one.review for one in store.since(0, 1000)] == bulk
        assert store.add_many([]) == []

    def test_without_a_token_the_time_tells_decisions_apart(self, store: ReviewStore) -> None:
        first = store.add(said("a", 1, "ann"))
        assert store.add(said("a", 1, "ann")) == first
        assert store.add(said("a", 1, "ann", time=NOW + timedelta(seconds=1))) != first

    def test_a_bad_decision_lets_none_of_its_bulk_in(self, store: ReviewStore) -> None:
        with pytest.raises(InvalidInputError, match="`model_quality` of the review of 'z'"):
            store.add_many([*(said(f"k{i}", 1, "ann") for i in range(300)), said("z", 1, "ann", model_quality=1.5)])
        assert store.last_id() == 0
        assert store.progress() == {}

    # -- undo ---------------------------------------------------------------------------------------------------------

    def test_what_was_said_before_stands_again_when_a_decision_is_undone(self, store: ReviewStore) -> None:
        store.add(said("a", 1, "ann"))
        second = store.add(said("a", 0, "ann", correct_label=5, client_id="t"))
        assert what_stands(store) == (0, 5, "ann")
        later = NOW + timedelta(minutes=1)
        undo = store.undo(second, reviewer="bob", time=later)
        assert what_stands(store) == (1, -1, "ann")
        (row,) = store.since(second, 10)
        assert (row.id, row.undoes, row.review.reviewer, row.review.time) == (undo, second, "bob", later)
        assert (row.review.key, row.review.correct_label, row.review.queue) == ("a", 5, "undo")

    def test_an_undone_decision_is_kept_but_counts_nowhere(self, store: ReviewStore) -> None:
        store.undo(store.add(said("a", 0, "ann")), reviewer="ann", time=NOW)
        assert what_stands(store) is None
        assert store.counts() == ReviewCounts(decisions=1, samples=0, correct=0, mislabelled=0, unsure=0)
        assert store.progress() == {}
        assert [one.verification_label for one in store.reviews()] == [0]
        assert resolve_one(store).verification_labels.tolist() == [-1]
        assert list(store.voices()) == []

    def test_undo_twice_is_undo_once(self, store: ReviewStore) -> None:
        number = store.add(said("a", 0, "ann"))
        undo = store.undo(number, reviewer="ann", time=NOW)
        assert store.undo(number, reviewer="bob", time=NOW + timedelta(1)) == undo
        assert store.last_id() == undo

    def test_only_decisions_are_undone(self, store: ReviewStore) -> None:
        undo = store.undo(store.add(said("a", 0, "ann")), reviewer="ann", time=NOW)
        with pytest.raises(InvalidInputError, match=rf"got {undo}: that is no decision, but takes one back"):
            store.undo(undo, reviewer="ann", time=NOW)
        with pytest.raises(InvalidInputError, match=r"`decision_id` must be .* got 99: there is no decision"):
            store.undo(99, reviewer="ann", time=NOW)

    def test_many_are_undone_in_one_transaction_each_by_a_row_of_its_own(self, store: ReviewStore) -> None:
        numbers = store.add_many([said(f"k{i}", i % 2, "ann", client_id="rest") for i in range(450)])
        first = store.undo(numbers[7], reviewer="ann", time=NOW)
        undone = store.undo_many(numbers, reviewer="ann", time=NOW)
        assert undone[7] == first
        assert len(set(undone)) == 450
        assert [row.undoes for row in store.numbered(undone)] == [numbers[7], *numbers[:7], *numbers[8:]]
        assert store.progress() == {}
        assert store.undo_many([], reviewer="ann", time=NOW) == []

    def test_many_are_undone_all_or_none(self, store: ReviewStore) -> None:
        numbers = store.add_many([said(f"k{i}", 1, "ann") for i in range(300)])
        with pytest.raises(InvalidInputError, match="got 999: there is no decision"):
            store.undo_many([*numbers, 999], reviewer="ann", time=NOW)
        assert store.last_id() == numbers[-1]

    def test_decisions_are_found_by_their_number_and_by_their_token(self, store: ReviewStore) -> None:
        numbers = store.add_many([said(f"k{i}", 1, "ann", client_id=f"token {i % 2}") for i in range(450)])
        store.undo(numbers[0], reviewer="ann", time=NOW)
        names = [("train", f"k{i}") for i in range(440)] + [("test", "k441")]
        assert store.ids_by_token("token 0", names) == numbers[:440:2]
        assert store.ids_by_token("", names) == []
        found = store.numbered([*reversed(numbers), 999])
        assert [(one.id, one.review.key) for one in found] == [(numbers[i], f"k{i}") for i in range(450)]

    def test_an_undone_decision_can_be_taken_again(self, store: ReviewStore) -> None:
        store.undo(store.add(said("a", 0, "ann", client_id="1")), reviewer="ann", time=NOW)
        store.add(said("a", 0, "ann", client_id="2"))
        assert what_stands(store) == (0, -1, "ann")

    def test_importing_again_does_not_bring_back_what_was_undone(self, store: ReviewStore) -> None:
        store.append([review("a", 0)], from_file=True)
        store.undo(store.last_id(), reviewer="ann", time=NOW)
        assert store.append([review("a", 0)], from_file=True) == 0
        assert what_stands(store) is None

    # -- several reviewers --------------------------------------------------------------------------------------------

    @pytest.mark.parametrize(
        ("votes", "expected", "disputed"),
        [
            ([("ann", 1, -1), ("bob", 0, 4), ("eve", 1, -1)], (1, -1, "eve"), True),
            ([("ann", 1, -1), ("bob", 1, -1), ("eve", 0, 4)], (1, -1, "bob"), True),
            ([("ann", 1, -1), ("bob", 0, 4)], (0, 4, "bob"), True),
            ([("ann", 0, 4), ("bob", 1, -1)], (1, -1, "bob"), True),
            ([("ann", 1, -1), ("bob", 0, 4), ("bob", 1, -1)], (1, -1, "bob"), False),
            ([("ann", 1, -1), ("bob", -1, -1)], (1, -1, "ann"), False),
            ([("ann", -1, -1), ("bob", -1, -1)], (-1, -1, "bob"), False),
            ([("ann", 1, -1), ("ann", -1, -1)], (-1, -1, "ann"), False),
            ([("ann", 0, 4), ("bob", 0, -1), ("eve", 0, -1)], (0, 4, "ann"), False),
            ([("ann", 0, 4), ("bob", 0, 5), ("eve", 0, 4)], (0, 4, "eve"), True),
            ([("ann", 0, 4), ("bob", 0, 5), ("eve", 1, -1)], (0, 5, "bob"), True),
            ([("ann", 0, -2), ("bob", 0, 5)], (0, 5, "bob"), True),
        ],
    )
    def test_reviewers_vote(
        self, store: ReviewStore, votes: Sequence[tuple[str, int, int]], expected: object, disputed: bool
    ) -> None:
        for who, verdict, correct in votes:
            store.add(said("a", verdict, who, correct_label=correct, client_id=f"{who}{verdict}{correct}"))
        assert what_stands(store) == expected
        assert store.disputed() == ([("train", "a")] if disputed else [])

    def test_votes_on_another_given_label_are_out_of_date(self, store: ReviewStore) -> None:
        store.add_many([said("a", 1, "ann"), said("a", 1, "bob"), said("a", 0, "eve", given_label=4)])
        assert what_stands(store) == (0, -1, "eve")
        assert store.progress() == {4: ClassProgress(1, 0, 1, 0)}

    def test_voices_are_the_last_word_of_each_reviewer(self, store: ReviewStore) -> None:
        decisions = [said("b", 1, "ann"), said("a", 1, "ann"), said("a", 0, "bob"), said("a", 0, "ann")]
        undone = store.add_many(decisions)[2]
        store.add_many(many := [said(f"k{i:03}", 1, "ann") for i in range(450)])
        store.undo(undone, reviewer="bob", time=NOW)
        found = sorted(store.voices(), key=lambda one: one.key)
        assert found == [decisions[3], decisions[0], *many]

    @pytest.mark.parametrize("batch_size", [1, 2, 10_000])
    def test_all_that_stands_comes_in_columns(
        self, store: ReviewStore, batch_size: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(review_columns, "_ROWS_AT_ONCE", batch_size)
        assert places_in(store.standing_columns(), ["train"], ["a"]).tolist() == [-1], "an empty store"
        decisions = [
            said("b", 1, "ann"),
            said("a", 1, "ann"),
            said("a", 0, "bob", correct_label=5),
            said("c", 0, "ann"),
        ]
        numbers = store.add_many([*decisions, said("a", -1, "ann", split="val", given_label=0)])
        store.undo(numbers[3], reviewer="ann", time=NOW)
        found = store.standing_columns()
        names = list(zip(found.splits.to_pylist(), found.keys.to_pylist(), strict=True))
        said_of = zip(
            *(c.tolist() for c in (found.ids, found.given_labels, found.verification_labels, found.correct_labels)),
            strict=True,
        )
        assert dict(zip(names, said_of, strict=True)) == {
            ("train", "a"): (numbers[2], 3, 0, 5),
            ("train", "b"): (numbers[0], 3, 1, -1),
            ("val", "a"): (numbers[4], 0, -1, -1),
        }
        asked = [("val", "a"), ("train", "c"), ("train", "a"), ("test", "a"), ("train", "a"), ("val", "b")]
        places = places_in(found, [split for split, _ in asked], [key for _, key in asked])
        assert [names[place] if place >= 0 else None for place in places.tolist()] == [
            ("val", "a"),
            None,
            ("train", "a"),
            None,
            ("train", "a"),
            None,
        ]

    def test_draws_come_in_columns_and_are_known_by_their_given_label(self, store: ReviewStore) -> None:
        store.add_many(
            [
                said("a", 1, "ann"),
                replace(said("a", 1, "ann"), queue="audit", inclusion_probability=0.25),
                replace(said("a", 1, "bob"), queue="plan", inclusion_probability=0.5),
                replace(said("a", 1, "ann", given_label=4), queue="plan", inclusion_probability=0.5),
            ]
        )
        found = store.draw_columns()
        places = places_in(found, ["train"] * 3, ["a"] * 3, np.array([3, 4, 5])).tolist()
        assert [places[2], sorted(places[:2])] == [-1, [0, 1]]
        assert found.inclusion_probabilities[places[:2]].tolist() == [0.25, 0.5]
        assert found.is_random[places[:2]].tolist() == [True, False]

    @pytest.mark.parametrize("seed", range(5))
    def test_labels_are_resolved_as_a_look_at_each_sample_gives_them(self, store: ReviewStore, seed: int) -> None:
        chance = random.Random(seed)
        keys = ["a", "b", "1:a", "é", "c"]
        for step in range(40):
            verdict = chance.choice([1, 0, -1])
            drawn: dict[str, Any] = chance.choice(
                [{}, {"queue": "audit", "inclusion_probability": 0.125 * (1 + step % 8)}]
            )
            decision = said(
                chance.choice(keys),
                verdict,
                chance.choice(["ann", "bob"]),
                split=chance.choice(["train", "val"]),
                given_label=chance.choice([3, 3, 4]),
                correct_label=chance.choice([-2, -1, 5]) if verdict == 0 else -1,
                time=NOW + timedelta(seconds=step),
            )
            store.add(replace(decision, **drawn))
        asked = [(chance.choice(["train", "val", "test"]), chance.choice(keys)) for _ in range(60)]
        given = np.array([chance.choice([3, 4]) for _ in asked])
        found = store.resolve([split for split, _ in asked], [key for _, key in asked], given)
        latest, draws = store.latest(), store.draws()
        for row, name in enumerate(asked):
            one = latest.get(name)
            stands = one is not None and one.given_label == given[row]
            verdict = one.verification_label if one is not None and stands else -1
            draw = draws.get((*name, int(given[row]))) if verdict >= 0 else None
            assert found.changed[row] == (one is not None and not stands)
            assert found.verification_labels[row] == verdict
            assert found.correct_labels[row] == (one.correct_label if one is not None and stands else -1)
            assert found.is_unsure[row] == (stands and verdict == -1)
            expected = np.nan if draw is None else draw.inclusion_probability
            assert found.inclusion_probabilities[row] == pytest.approx(expected, nan_ok=True)
            assert found.is_audit[row] == (draw is not None and draw.queue == "audit")

    # -- progress -----------------------------------------------------------------------------------------------------

    def test_progress_counts_samples_by_what_stands(self, store: ReviewStore) -> None:
        store.append([review("a", 1), review("b", 0), review("c", -1), review("d", 0, given_label=0)])
        store.append([review("a", 0, time=NOW + timedelta(1)), review("a", 1, split="val")])
        assert store.progress() == {0: ClassProgress(1, 0, 1, 0), 3: ClassProgress(4, 1, 2, 1)}

    @pytest.mark.parametrize("seed", range(3))
    def test_what_is_kept_ready_is_what_a_look_at_everything_gives(
        self, store: ReviewStore, connection: Connection, seed: int
    ) -> None:
        chance = random.Random(seed)
        numbers: list[int] = []
        for step in range(40):
            moment = NOW + timedelta(seconds=step)
            if numbers and chance.random() < 0.3:
                store.undo(chance.choice(numbers), reviewer="ann", time=moment)
                continue
            batch = [
                said(
                    chance.choice("abc"),
                    verdict := chance.choice([1, 0, -1]),
                    chance.choice(["ann", "bob", "eve"]),
                    given_label=chance.choice([3, 3, 3, 4]),
                    correct_label=chance.choice([-2, -1, 5, 6]) if verdict == 0 else -1,
                    time=moment,
                )
                for _ in range(chance.choice([1, 1, 4]))
            ]
            numbers += store.add_many(batch)
            kept = store.latest(), store.progress(), store.disputed()
            rows = store.since(0, 1000)
            assert kept[0] == {name: one for name in kept[0] if (one := slow_standing(rows, name)) is not None}
            assert {("train", key) for key in "abc" if slow_standing(rows, ("train", key))} == set(kept[0])
            counted = {given: progress.decided for given, progress in kept[1].items()}
            standing = [one.given_label for one in kept[0].values()]
            assert counted == {given: standing.count(given) for given in standing}
        rebuild_standing(connection)
        connection.commit()
        assert (store.latest(), store.progress(), store.disputed()) == kept

    def test_a_repair_finds_what_differs_and_derives_it_anew(self, store: ReviewStore, connection: Connection) -> None:
        store.add_many([said(key, 1, "ann") for key in "abcd"] + [said("a", 0, "bob")])
        store.undo(store.add(said("e", 0, "ann")), reviewer="ann", time=NOW)
        right = store.latest(), store.progress(), store.disputed()
        assert store.repair() == Repair(4, 0, 0, 0, 0)
        for statement in (
            "DELETE FROM standing WHERE key = 'b'",
            "UPDATE standing SET verification_label = 0 WHERE key = 'c'",
            "UPDATE standing SET is_disputed = false WHERE key = 'a'",
            "INSERT INTO standing VALUES ('train', 'x', 1, 3, 1, false)",
            "UPDATE progress SET correct = 7",
            "INSERT INTO progress VALUES (5, 1, 0, 0)",
        ):
            connection.execute(text(statement))
        connection.commit()
        found = store.repair()
        assert (found, found.is_clean) == (Repair(4, missing=1, superfluous=1, other=2, classes=2), False)
        assert (store.latest(), store.progress(), store.disputed()) == right
        assert store.repair().is_clean

    # -- moving to another database -----------------------------------------------------------------------------------

    def test_all_rows_move_into_an_empty_store(self, store: ReviewStore, tmp_path: Path) -> None:
        with ReviewStore(tmp_path / "old.sqlite") as old:
            old.append([review(f"k{i}") for i in range(1500)], from_file=True)
            token = old.add(said("k7", 0, "ann", client_id="t", model_quality=0.5))
            old.undo(old.add(said("k8", 0, "ann")), reviewer="bob", time=NOW)
            assert store.copy_from(old) == 1503
            assert store.since(0, 2000) == old.since(0, 2000)
            assert (store.latest(), store.progress()) == (old.latest(), old.progress())
            assert store.copy_from(old) == 0, "it is not empty any more"
        assert store.add(said("k7", 1, "ann", client_id="t")) == token
        assert store.append([review("k9")], from_file=True) == 0
        assert store.add(said("new", 1, "ann")) > 1503

    # -- nothing is lost ----------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("statement", ["UPDATE decisions SET verification_label = 1", "DELETE FROM decisions"])
    def test_the_database_refuses_to_change_a_decision(
        self, store: ReviewStore, connection: Connection, statement: str
    ) -> None:
        store.add(said("a", 0, "ann"))
        with pytest.raises(DBAPIError, match="decisions are appended, never"):
            connection.execute(text(statement))
        connection.rollback()
        assert what_stands(store) == (0, -1, "ann")

    def test_two_processes_open_an_empty_database_and_add_at_once(self, url: str) -> None:
        writers = [start(WRITER, url, name, 60) for name in ("one", "two")]
        said_by: list[dict[str, int]] = []
        seen: list[StoredReview] = []
        with ReviewStore(url) as store:
            while any(writer.poll() is None for writer in writers):
                seen += store.since(seen[-1].id if seen else 0, 1000)
                time.sleep(0.005)
            seen += store.since(seen[-1].id if seen else 0, 1000)
            for writer in writers:
                output, _ = writer.communicate(timeout=60)
                assert writer.returncode == 0
                said_by.append({key: int(number) for key, number in map(str.split, output.splitlines()[1:])})
            assert store.progress() == {
                given: ClassProgress(n, n, 0, 0) for given in range(7) if (n := 3 * len(range(given, 60, 7)))
            }
        stored = {one.review.key: one.id for one in seen}
        assert len(seen) == len(stored) == 180, "every row was seen once by who asked for those after the last"
        for numbers in said_by:
            assert len(numbers) == 120
            assert numbers.items() <= stored.items()

    @pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
    def test_what_a_killed_writer_was_told_is_there_is_there(self, url: str) -> None:
        writer = start(WRITER, url, "one", 10**6)
        assert writer.stdout is not None
        told = [writer.stdout.readline() for _ in range(61)]
        writer.send_signal(signal.SIGKILL)
        told += writer.communicate(timeout=60)[0].splitlines(keepends=True)
        whole = [line.split() for line in told[1:] if line.endswith("\n")]
        assert len(whole) >= 60
        with ReviewStore(url) as store:
            stored = {one.review.key: one.id for one in store.since(0, 10**6)}
            assert {key: int(number) for key, number in whole}.items() <= stored.items()
            assert len(stored) - len(whole) <= 1
            assert sum(one.decided for one in store.progress().values()) == len(stored)
            assert store.add(said("next", 1, "ann")) > max(stored.values())

    @pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
    def test_a_process_killed_in_the_middle_leaves_nothing_of_its_append(self, url: str) -> None:
        with ReviewStore(url) as store:
            store.append([review("old")])
        process = start(ENDLESS, url)
        assert process.stdout is not None
        with closing(process.stdout):
            assert process.stdout.readline() == "in the middle\n"
            process.send_signal(signal.SIGKILL)
            assert process.wait(10) == -signal.SIGKILL
        with ReviewStore(url) as store:
            assert [one.key for one in store.reviews()] == ["old"]
            assert store.append([review("new-0")]) == 1


def slow_standing(rows: Sequence[StoredReview], name: tuple[str, str]) -> Review | None:
    """Give what stands for a sample by a look at every row."""
    undone = {row.undoes for row in rows}
    left = [
        row.review
        for row in rows
        if row.undoes is None and row.id not in undone and (row.review.split, row.review.key) == name
    ]
    if not left:
        return None
    last = [one for i, one in enumerate(left) if all(later.reviewer != one.reviewer for later in left[i + 1 :])]
    last = [one for one in last if one.given_label == left[-1].given_label]
    voters = [one for one in last if one.verification_label >= 0] or last
    score = {
        v: (sum(o.verification_label == v for o in voters), i)
        for i, v in enumerate(o.verification_label for o in voters)
    }
    verdict = max(score, key=lambda v: score[v])
    voters = [one for one in voters if one.verification_label == verdict]
    voters = [one for one in voters if one.correct_label != -1] or voters
    corrects = [one.correct_label for one in voters]
    score = {c: (corrects.count(c), i) for i, c in enumerate(corrects)}
    correct = max(score, key=lambda c: score[c])
    return [one for one in voters if one.correct_label == correct][-1]
