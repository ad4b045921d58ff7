import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from noisette.errors import DataFileError, InvalidInputError, NoisetteError, WorkspaceError
from noisette.store import ResolvedLabels, ReviewCounts, ReviewStore
from noisette.types import Review

NOW = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)


def review(key: str = "a", verdict: int = 1, **values: Any) -> Review:
    settings: dict[str, Any] = {"given_label": 3, "time": NOW} | values
    return Review(key=key, verification_label=verdict, **settings)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ReviewStore]:
    with ReviewStore(tmp_path / "reviews.sqlite") as opened:
        yield opened


def test_decisions_come_back_as_they_were(store: ReviewStore, tmp_path: Path) -> None:
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
        ),
        review("b", -1, time=NOW.astimezone(timezone(timedelta(hours=5)))),
    ]
    assert store.append(decisions) == 2
    store.close()
    with ReviewStore(tmp_path / "reviews.sqlite") as again:
        found = list(again.reviews())
    assert found == decisions
    assert all(one.time.utcoffset() == timedelta(0) for one in found)


def test_many_decisions_in_order(store: ReviewStore) -> None:
    assert store.append(review(f"k{i}") for i in range(2345)) == 2345
    assert [one.key for one in store.reviews()] == [f"k{i}" for i in range(2345)]


def test_importing_twice_adds_nothing(store: ReviewStore) -> None:
    file = [review("a", 1), review("b", 0, correct_label=2), review("c", -1)]
    assert store.append(file) == 3
    later = [
        review(one.key, one.verification_label, correct_label=one.correct_label, time=NOW + timedelta(1))
        for one in file
    ]
    assert store.append(later) == 0
    assert store.append([*later, review("d")]) == 1


def test_importing_again_does_not_undo_what_a_person_said_since(store: ReviewStore) -> None:
    store.append([review("a", 1)])
    store.append([review("a", 0, queue="suspicious", reviewer="ann")])
    assert store.append([review("a", 1)]) == 0
    assert store.latest()["train", "a"].verification_label == 0


def test_a_changed_file_can_be_changed_back(store: ReviewStore) -> None:
    for verdict in (1, 0, 1):
        assert store.append([review("a", verdict)]) == 1
    assert store.latest()["train", "a"].verification_label == 1


def test_files_of_two_reviewers_do_not_hide_each_other(store: ReviewStore) -> None:
    assert store.append([review(reviewer="ann"), review(reviewer="bob")]) == 2
    assert store.append([review(reviewer="ann"), review(reviewer="bob")]) == 0


def test_a_decision_sent_twice_is_added_once_but_may_be_taken_again(store: ReviewStore) -> None:
    shown = review("a", 1, queue="random")
    assert store.append([shown, shown]) == 1
    assert store.append([shown]) == 0
    assert store.append([review("a", 1, queue="random", time=NOW + timedelta(seconds=1))]) == 1


def test_the_last_decision_stands_also_when_it_is_unsure(store: ReviewStore) -> None:
    store.append(
        [review("a", 1), review("a", 1, split="val"), review("b", 0), review("a", -1, queue="random"), review("c", 0)]
    )
    assert {name: one.verification_label for name, one in store.latest().items()} == {
        ("train", "a"): -1,
        ("val", "a"): 1,
        ("train", "b"): 0,
        ("train", "c"): 0,
    }
    assert store.counts() == ReviewCounts(decisions=5, samples=4, correct=1, mislabelled=2, unsure=1)


def test_standing_labels_in_the_order_of_samples(store: ReviewStore) -> None:
    store.append([review("a", 0, correct_label=7), review("b", 1), review("b", 1, split="val", given_label=4)])
    found = store.resolve(["val", "train", "train", "train"], ["b", "b", "x", "a"], np.array([3, 3, 3, 3]))
    assert found.verification_labels.tolist() == [-1, 1, -1, 0]
    assert found.correct_labels.tolist() == [-1, -1, -1, 7]
    assert found.changed.tolist() == [True, False, False, False]


def test_a_file_that_states_queues_adds_nothing_the_second_time(store: ReviewStore) -> None:
    file = [review("a", 1, queue="audit", inclusion_probability=0.25), review("b", 0, queue="plan")]
    later = [replace(one, time=NOW + timedelta(1), seconds=3.0) for one in file]
    assert store.append(file, from_file=True) == 2
    assert store.append(later, from_file=True) == 0
    assert store.append([replace(one, queue="import") for one in later], from_file=True) == 2
    assert store.append(later) == 2, "on a page, the same decision at another time is a decision"


def test_a_file_may_add_the_probability_that_it_lacked(store: ReviewStore) -> None:
    store.append([review("a", 1)], from_file=True)
    assert np.isnan(resolve_one(store).inclusion_probabilities[0])
    assert store.append([review("a", 1, inclusion_probability=0.5)], from_file=True) == 1
    assert resolve_one(store).inclusion_probabilities.tolist() == [0.5]


def resolve_one(store: ReviewStore, given_label: int = 3) -> ResolvedLabels:
    return store.resolve(["train"], ["a"], np.array([given_label]))


def test_a_second_look_does_not_change_how_a_sample_was_drawn(store: ReviewStore) -> None:
    store.append([review("a", 1, queue="audit", inclusion_probability=0.125)])
    store.append([review("a", 0, queue="suspicious"), review("a", 0, queue="plan", inclusion_probability=0.5)])
    found = resolve_one(store)
    assert found.verification_labels.tolist() == [0]
    assert found.inclusion_probabilities.tolist() == [0.125]
    assert found.is_audit.tolist() == [True]


def test_a_draw_belongs_to_the_given_label_it_was_made_for(store: ReviewStore) -> None:
    store.append([review("a", 1, queue="plan", inclusion_probability=0.5), review("a", 1, given_label=4)])
    for given, expected in ((3, -1), (4, 1)):
        found = resolve_one(store, given)
        assert found.verification_labels.tolist() == [expected]
        assert np.isnan(found.inclusion_probabilities).all()
        assert not found.is_audit.any()


def test_an_unsure_decision_is_marked_and_has_no_probability(store: ReviewStore) -> None:
    store.append([review("a", -1, queue="audit", inclusion_probability=0.5)])
    found = resolve_one(store)
    assert found.is_unsure.tolist() == [True]
    assert np.isnan(found.inclusion_probabilities).all()
    assert not found.is_audit.any()


def test_the_median_time_of_a_decision_leaves_out_those_not_timed(store: ReviewStore) -> None:
    assert store.median_seconds() is None
    store.append([review("a"), review("b", seconds=0.0)])
    assert store.median_seconds() is None
    store.append(review(f"k{i}", seconds=seconds) for i, seconds in enumerate((2.0, 900.0, 4.0, 3.0)))
    assert store.median_seconds() == 3.5


def test_an_empty_store(store: ReviewStore) -> None:
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
def test_an_impossible_decision_lets_none_in(store: ReviewStore, values: dict[str, Any], message: str) -> None:
    good = [review(f"k{i}") for i in range(500)]
    with pytest.raises(InvalidInputError, match=message):
        store.append([*good, review(**({"key": "z"} | values))])
    assert store.counts().decisions == 0


def test_a_source_that_fails_lets_none_in(store: ReviewStore) -> None:
    def source() -> Iterator[Review]:
        yield from (review(f"k{i}") for i in range(500))
        raise RuntimeError("the file is gone")

    with pytest.raises(RuntimeError, match="the file is gone"):
        store.append(source())
    assert store.counts().decisions == 0


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "junk.sqlite").write_bytes(b"this is no database, whatever its name says" * 30)
    with pytest.raises(DataFileError, match=r"junk\.sqlite: is not a review database, or is damaged"):
        ReviewStore(tmp_path / "junk.sqlite")
    with sqlite3.connect(tmp_path / "other.sqlite") as other:
        other.execute("CREATE TABLE recipes (name TEXT)")
    other.close()
    with pytest.raises(DataFileError, match=r"is a database of something else \(tables recipes\)"):
        ReviewStore(tmp_path / "other.sqlite")
    with pytest.raises(DataFileError, match="is a folder; name the database file"):
        ReviewStore(tmp_path)
    with pytest.raises(WorkspaceError, match="is no database URL"):
        ReviewStore("not a url://")


def test_a_later_schema_is_refused(store: ReviewStore, tmp_path: Path) -> None:
    store.close()
    with sqlite3.connect(tmp_path / "reviews.sqlite") as later:
        later.execute("UPDATE about SET value = '99' WHERE name = 'schema_version'")
    later.close()
    with pytest.raises(
        DataFileError, match="has schema version 99, this version of noisette knows 3; upgrade noisette"
    ):
        ReviewStore(tmp_path / "reviews.sqlite")


def test_errors_of_the_database_are_ours(store: ReviewStore, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "reviews.sqlite") as broken:
        broken.execute("DROP TABLE decisions")
    broken.close()
    with pytest.raises(NoisetteError, match=r"reviews\.sqlite cannot be used \(no such table"):
        store.append([review()])


def test_the_database_is_in_wal_mode(store: ReviewStore, tmp_path: Path) -> None:
    store.append([review()])
    with sqlite3.connect(tmp_path / "reviews.sqlite") as plain:
        assert plain.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    plain.close()


def _append_some(path: Path, number: int) -> None:
    with ReviewStore(path) as store:
        for start in range(0, 60, 10):
            store.append(review(f"p{number}-{i}") for i in range(start, start + 10))
            store.append(review(f"shared-{i}") for i in range(start, start + 10))


def test_several_processes_write_at_once(tmp_path: Path) -> None:
    path = tmp_path / "reviews.sqlite"
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_append_some, args=(path, number)) for number in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    with ReviewStore(path) as store:
        assert store.counts() == ReviewCounts(decisions=180, samples=180, correct=180, mislabelled=0, unsure=0)


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


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_a_process_killed_in_the_middle_leaves_nothing_of_its_append(tmp_path: Path) -> None:
    path = tmp_path / "reviews.sqlite"
    with ReviewStore(path) as store:
        store.append([review("old")])
    source = str(Path(__file__).resolve().parents[2] / "src")
    environment = os.environ | {"PYTHONPATH": source}
    with subprocess.Popen([sys.executable, "-c", ENDLESS, path], stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"in the middle\n"
        time.sleep(0.3)
        process.send_signal(signal.SIGKILL)
        assert process.wait(10) == -signal.SIGKILL
    with ReviewStore(path) as store:
        assert [one.key for one in store.reviews()] == ["old"]
        assert store.append([review("new-0")]) == 1
