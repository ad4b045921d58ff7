"""What `plan` says besides the labels to verify: classes, time, and what is to be expected of checking them."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from noisette.planning import Proposal
from noisette.planning.outlook import ErrorOutlook
from noisette.types import IntArray

WELL_COVERED = 5
"""Verified labels from which a class counts as covered."""


@dataclass(frozen=True)
class ClassPlan:
    """What is proposed in one class: labels in all, those drawn at random among them, and labels verified so far."""

    name: str
    proposed: int
    audit: int
    verified: int


@dataclass(frozen=True)
class Coverage:
    """How many classes (that have samples) have 5 or more verified labels, 1 to 4, or none; the names of the last."""

    covered: int
    thin: int
    unverified: tuple[str, ...]


@dataclass(frozen=True)
class ClassTable:
    """What a plan means for each class."""

    plans: tuple[ClassPlan, ...]
    coverage: Coverage

    @classmethod
    def of(
        cls, names: tuple[str, ...], given: IntArray, rows: IntArray, verification_labels: IntArray, found: Proposal
    ) -> Self:
        """Count by given class; `rows` are those that can be planned, or are verified already."""
        samples, verified, proposed, audit = (
            np.bincount(given[part], minlength=len(names))
            for part in (rows, rows[verification_labels[rows] >= 0], found.rows, found.rows[found.is_audit])
        )
        order = np.argsort(-proposed, kind="stable")[: int((proposed > 0).sum())]
        none = np.flatnonzero((samples > 0) & (verified == 0))
        coverage = Coverage(
            int((verified >= WELL_COVERED).sum()),
            int(((verified > 0) & (verified < WELL_COVERED)).sum()),
            tuple(names[c] for c in none),
        )
        plans = (ClassPlan(names[c], int(proposed[c]), int(audit[c]), int(verified[c])) for c in order)
        return cls(tuple(plans), coverage)


@dataclass(frozen=True)
class PlanResult:
    """What was proposed, and what is to be expected of it.

    Attributes:
        path: the file to fill in.
        num_proposed, num_audit: labels proposed, and those of them that were drawn uniformly at random.
        classes: classes with proposed labels, most first.
        coverage: which classes the verified labels cover.
        seconds_per_decision, minutes: as recorded, and for the whole proposal; None where no decision was timed.
        error, standard_error: expected share of wrong verdicts today; None where verified labels say too little.
        gain: expected drop of that error by the next 100 labels.
        labels_to_target: how many more labels the wanted error takes.
        stop: True where checking more gains little; None where that cannot be said.
        notes: what a person should know, in words.
    """

    path: str
    num_proposed: int
    num_audit: int
    classes: tuple[ClassPlan, ...]
    coverage: Coverage
    seconds_per_decision: float | None
    minutes: float | None
    error: float | None
    standard_error: float | None
    gain: float | None
    labels_to_target: int | None
    stop: bool | None
    notes: tuple[str, ...]

    @classmethod
    def of(
        cls,
        path: Path,
        found: Proposal,
        classes: ClassTable,
        seconds: float | None,
        outlook: ErrorOutlook | None,
        target_error: float | None,
        notes: tuple[str, ...],
    ) -> Self:
        """Put together what was found."""
        if outlook is None:
            notes += ("too few labels are verified, or of one kind only, to say what more of them would gain",)
        return cls(
            path=str(path),
            num_proposed=found.rows.size,
            num_audit=int(found.is_audit.sum()),
            classes=classes.plans,
            coverage=classes.coverage,
            seconds_per_decision=seconds,
            minutes=None if seconds is None else seconds * found.rows.size / 60,
            error=None if outlook is None else outlook.error_after(0),
            standard_error=None if outlook is None else outlook.standard_error,
            gain=None if outlook is None else outlook.gain,
            labels_to_target=None if outlook is None or target_error is None else outlook.labels_until(target_error),
            stop=None if outlook is None else outlook.is_enough,
            notes=notes,
        )

    def to_json(self) -> dict[str, Any]:
        """Give the result as JSON values."""
        return dataclasses.asdict(self)
