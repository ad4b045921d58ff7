from __future__ import annotations

from typing import Any

from noisette.pipeline.rounds_notes import KNOWS_THE_ANSWERS, best_round, round_notes
from noisette.pipeline.rounds_record import RoundRecord


def a_round(number: int, error: float | None = None, held_out: float | None = None, **changes: Any) -> RoundRecord:
    measured = changes.pop("top1", 0.5), changes.pop("nll", 1.0), changes.pop("size", 40)
    kind, split = changes.pop("kind", "given"), changes.pop("split", "validation")
    numbers: dict[str, float | None] = dict(zip(("top1", "nll", "num_samples"), measured, strict=True))
    values: dict[str, Any] = {
        "number": number,
        "name": f"round-{number}",
        "weights": "soft" if number else "none",
        "detection": None if error is None else {"average_error": error},
        "held_out": None if held_out is None else {"average_error": held_out},
        "evaluation": {split: {kind: numbers}},
        "learned_from": 9,
        "model": "x",
    }
    return RoundRecord(**values | changes)


def test_a_round_that_finds_wrong_labels_worse_is_named() -> None:
    rounds = [a_round(0), a_round(1, 0.1), a_round(2, 0.125, top1=0.6)]
    worse, flatters = round_notes(rounds)
    assert worse == "round 2 finds wrong labels worse than round 1: average error 12.5% after 10.0% on checked labels"
    assert flatters == f"from round 2 on, {KNOWS_THE_ANSWERS}"
    assert round_notes([a_round(0), a_round(1, 0.1), a_round(2, 0.1, top1=0.6)]) == (flatters,)


def test_labels_that_nothing_had_seen_decide_where_there_are_some() -> None:
    better = [a_round(0), a_round(1, 0.1, 0.2), a_round(2, 0.15, 0.1, top1=0.6)]
    assert round_notes(better) == ()
    worse = [a_round(0), a_round(1, 0.2, 0.1), a_round(2, 0.1, 0.15, top1=0.6)]
    assert [note.partition("average")[2] for note in round_notes(worse)] == [
        " error 15.0% after 10.0% on checked labels of validation and test"
    ]


def test_features_without_weights_do_not_flatter() -> None:
    rounds = [a_round(0), a_round(1, 0.1, weights="none"), a_round(2, 0.1, weights="none", top1=0.6)]
    assert round_notes(rounds) == ()


def test_the_best_classifier_is_named_where_it_is_not_the_last() -> None:
    rounds = [a_round(0, top1=0.8), a_round(1, top1=0.9), a_round(2, top1=0.85)]
    (note,) = round_notes(rounds)
    assert note == (
        "models/round-1 is better than the last one, models/round-2, by validation: top-1 90.0% to 85.0% under 40 "
        "given labels; take the one you trust more, nothing was chosen"
    )
    best = best_round(rounds)
    assert best is not None
    assert (best.name, best.split, best.kind, best.top1, best.num_samples) == (
        "round-1",
        "validation",
        "given",
        0.9,
        40,
    )


def test_of_equal_accuracies_the_lower_nll_is_better() -> None:
    best = best_round([a_round(0, nll=0.5), a_round(1, nll=0.4), a_round(2, nll=0.6)])
    assert best is not None
    assert best.name == "round-1"


def test_verified_labels_count_where_there_are_enough_of_them() -> None:
    def of(number: int, verified: float, size: int) -> RoundRecord:
        given: dict[str, float | None] = {"top1": 0.5 + number / 10, "nll": 1.0, "num_samples": 500}
        clean: dict[str, float | None] = {"top1": verified, "nll": 1.0, "num_samples": size}
        return a_round(number, evaluation={"validation": {"given": given, "verified": clean}})

    for size, expected in ((100, ("round-0", "verified")), (99, ("round-1", "given"))):
        best = best_round([of(0, 0.9, size), of(1, 0.8, size)])
        assert best is not None
        assert (best.name, best.kind) == expected


def test_held_out_samples_stand_in_for_a_validation_split() -> None:
    best = best_round([a_round(n, split="held-out", kind="verified", top1=0.5 + n / 10) for n in range(2)])
    assert best is not None
    assert (best.name, best.split) == ("round-1", "held-out")


def test_without_a_validation_split_nothing_is_called_the_best() -> None:
    rounds = [a_round(0, evaluation={}), a_round(1, evaluation={})]
    assert best_round(rounds) is None
    assert best_round([]) is None
    assert round_notes(rounds) == (
        "there is no validation split, so which round's classifier is the best cannot be said",
    )
