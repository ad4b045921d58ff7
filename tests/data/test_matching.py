from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from noisette.data import LabelTable, resolve_label_rows
from noisette.errors import DataFileError
from noisette.types import BadRow, BadRows, Review, SampleTable

NOW = datetime(2026, 1, 2, tzinfo=UTC)
SAMPLES = SampleTable(["train", "train", "val", "val"], ["a", "both", "both", "c"], [""] * 4, np.array([0, 1, 2, 1]))


def table(keys: list[str] | None, **columns: list[int] | list[str] | list[float]) -> LabelTable:
    size = len(keys if keys is not None else next(iter(columns.values())))
    arrays = {
        name: tuple(values) if name in ("splits", "reviewers", "queues") else np.array(values)
        for name, values in columns.items()
    }
    rows = np.arange(size)
    return LabelTable(Path("v.csv"), rows, rows + 2, None if keys is None else tuple(keys), **arrays)  # type: ignore[arg-type]


def resolve(labels: LabelTable, split: str | None = None) -> tuple[list[Review], list[str]]:
    reviews, problems = resolve_label_rows(labels, SAMPLES, time=NOW, split=split)
    assert all(isinstance(problem, BadRow) for problem in problems)
    return reviews, [str(problem) for problem in problems]


def test_rows_become_decisions_about_the_samples() -> None:
    reviews, problems = resolve(table(["c", "a"], verification_labels=[0, 1], reviewers=["ann", ""]))
    assert problems == []
    assert reviews == [
        Review(key="c", split="val", given_label=1, verification_label=0, time=NOW, reviewer="ann"),
        Review(key="a", split="train", given_label=0, verification_label=1, time=NOW, reviewer="import"),
    ]


def test_unknown_and_ambiguous_keys_are_named_with_their_lines() -> None:
    reviews, problems = resolve(table(["x", "a", "both"], verification_labels=[1, 1, 1]))
    assert [review.key for review in reviews] == ["a"]
    assert problems == [
        "v.csv:2: unknown key: 'x'",
        "v.csv:4: ambiguous key: 'both' is in splits train, val; add a split column",
    ]


def test_a_split_settles_which_sample_is_meant() -> None:
    by_column, problems = resolve(
        table(["both", "both", "a"], verification_labels=[1, 0, 1], splits=["val", "train", "val"])
    )
    assert [(review.split, review.given_label) for review in by_column] == [("val", 2), ("train", 1)]
    assert problems == ["v.csv:4: unknown key: 'a' in split 'val' (it is in train)"]
    by_argument, _ = resolve(table(["both"], verification_labels=[1]), split="val")
    assert [review.split for review in by_argument] == ["val"]


def test_changed_given_labels_are_named_and_not_used() -> None:
    reviews, problems = resolve(table(["a", "c"], given_labels=[0, 2], verification_labels=[1, 1]))
    assert [review.key for review in reviews] == ["a"]
    assert problems == ["v.csv:3: given label changed: the file was made for class 2, the sample now carries 1"]


def test_a_correct_label_decides_too() -> None:
    reviews, problems = resolve(table(["a", "c"], correct_labels=[0, -2]), split=None)
    assert problems == []
    assert [(r.verification_label, r.correct_label) for r in reviews] == [(1, 0), (0, -2)]


def test_contradictions_are_named() -> None:
    _, problems = resolve(table(["a", "c"], verification_labels=[1, 0], correct_labels=[2, 1]))
    assert problems == [
        "v.csv:2: contradicting labels: verification_label 1 and correct_label 2 for given label 0",
        "v.csv:3: contradicting labels: verification_label 0 and correct_label 1 for given label 1",
    ]


def test_rows_that_decide_nothing_are_counted() -> None:
    bad = BadRows()
    labels = table(["a", "c"], verification_labels=[-1, -1], correct_labels=[-1, 0])
    reviews, problems = resolve_label_rows(labels, SAMPLES, time=NOW, bad_rows=bad)
    assert [(r.key, r.verification_label) for r in reviews] == [("c", 0)]
    assert (problems, bad.left_out) == ([], {"verification label -1": 1})


def test_without_keys_rows_are_the_samples_in_order() -> None:
    reviews, _ = resolve(table(None, verification_labels=[1, -1, 0]))
    assert [(r.split, r.key) for r in reviews] == [("train", "a"), ("val", "both")]
    with pytest.raises(DataFileError, match=r"has more rows than the 4 samples, and no key column"):
        resolve(table(None, verification_labels=[1] * 5))


def test_a_file_that_decides_nothing_is_refused() -> None:
    with pytest.raises(DataFileError, match="decides nothing: it has no verification_label and no correct_label"):
        resolve(table(["a"], given_labels=[0]))
    assert resolve(table([], verification_labels=[])) == ([], [])


def test_queue_probability_and_seconds_go_into_the_decision() -> None:
    reviews, problems = resolve(
        table(
            ["a", "c"],
            verification_labels=[1, 0],
            queues=["audit", " "],
            inclusion_probabilities=[0.25, np.nan],
            seconds=[np.nan, 3.5],
        )
    )
    assert problems == []
    assert [(r.queue, r.inclusion_probability, r.seconds) for r in reviews] == [
        ("audit", 0.25, None),
        ("import", None, 3.5),
    ]
