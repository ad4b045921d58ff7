"""What a person should know of some rounds: where detection got worse, which classifier is the best, what flatters."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from noisette.pipeline.hold_out import HELD_OUT
from noisette.pipeline.rounds_record import RoundRecord

ENOUGH_VERIFIED = 100
"""From so many on, verified labels of the validation split say more than all given ones, of which some are wrong."""
_MEASURED_ON = (("validation", "verified", ENOUGH_VERIFIED), ("validation", "given", 1), (HELD_OUT, "verified", 1))
KNOWS_THE_ANSWERS = (
    "the features are of a classifier that learned from the checked labels: errors on these flatter it; labels checked "
    "in a validation or test split would not"
)


class BestRound(NamedTuple):
    """The classifier with the highest top-1 accuracy by validation; of equal ones the lowest NLL.

    Attributes:
        name: of the classifier.
        split: "validation", or "held-out" where there is no such split.
        kind: of the labels, "given" or "verified".
        top1: its accuracy, in [0, 1].
        num_samples: measured on.
    """

    name: str
    split: str
    kind: str
    top1: float
    num_samples: int


def best_round(records: Sequence[RoundRecord]) -> BestRound | None:
    """Give the classifier that is best on the validation split, or on held-out samples; None where there are none."""
    for split, kind, enough in _MEASURED_ON:
        found = [record.evaluation.get(split, {}).get(kind, {}) for record in records]
        if found and all((numbers.get("num_samples") or 0) >= enough for numbers in found):
            best = max(range(len(found)), key=lambda i: (found[i]["top1"] or 0.0, -(found[i]["nll"] or 0.0)))
            numbers = found[best]
            return BestRound(records[best].name, split, kind, numbers["top1"] or 0.0, int(numbers["num_samples"] or 0))
    return None


def round_notes(records: Sequence[RoundRecord]) -> tuple[str, ...]:
    """Say what a person should know of these rounds."""
    return (*_worse(records), *_flattered(records), *_best(records))


def detection_error(record: RoundRecord, *, held_out: bool) -> float | None:
    """Give a round's average error of finding wrong labels, in [0, 1]; None = not measured."""
    found = record.held_out if held_out else record.detection
    return None if found is None else found["average_error"]


def _worse(records: Sequence[RoundRecord]) -> list[str]:
    rounds = [record for record in records if record.number and not record.is_last_step]
    held_out = all(record.held_out is not None for record in rounds)
    where = "checked labels of validation and test" if held_out else "checked labels"
    notes = []
    for before, after in pairwise(rounds):
        old, new = (detection_error(record, held_out=held_out) for record in (before, after))
        if old is not None and new is not None and new > old:
            notes.append(
                f"round {after.number} finds wrong labels worse than round {before.number}: average error {new:.1%} "
                f"after {old:.1%} on {where}"
            )
    return notes


def _flattered(records: Sequence[RoundRecord]) -> list[str]:
    """Say when the features of a measured round come from a classifier that knew the answers."""
    weights = {record.number: record.weights for record in records if not record.is_last_step}
    blind = [
        record
        for record in records
        if record.detection is not None and record.held_out is None and weights.get(record.number - 1) != "none"
    ]
    if not blind:
        return []
    return [f"from round {blind[0].number} on, {KNOWS_THE_ANSWERS}"]


def _best(records: Sequence[RoundRecord]) -> list[str]:
    best = best_round(records)
    if best is None:
        return ["there is no validation split, so which round's classifier is the best cannot be said"]
    last = records[-1]
    if best.name == last.name:
        return []
    top1 = last.evaluation[best.split][best.kind]["top1"] or 0.0
    return [
        f"models/{best.name} is better than the last one, models/{last.name}, by {best.split}: top-1 {best.top1:.1%} "
        f"to {top1:.1%} under {best.num_samples} {best.kind} labels; take the one you trust more, nothing was chosen"
    ]
