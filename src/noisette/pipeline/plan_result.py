"""What `plan` says besides the labels to verify: classes, time, and what is to be expected of checking them."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from noisette.pipeline.plan_labels import PlannedLabels
from noisette.planning import Proposal
from noisette.planning.outlook import ErrorOutlook
from noisette.types import IntArray

WELL_COVERED = 5
"""Verified labels of its own that many a class has."""
KNOWN_WIDTH = 0.25
"""Widest 95 % interval of a class's share of wrong labels with which the class counts as known."""


@dataclass(frozen=True)
class ClassPlan:
    """What is proposed in one class: labels in all, those drawn at random among them, and labels verified so far."""

    name: str
    proposed: int
    audit: int
    verified: int


@dataclass(frozen=True)
class Coverage:
    """How well the classes that have samples are covered by what is verified.

    Attributes:
        covered, thin: classes with 5 or more verified labels of their own, and with 1 to 4.
        unverified: names of those with none.
        known: classes whose share of wrong labels is known: its 95 % interval is at most 0.25 wide. It rests on labels
            of all classes, by the scores, so a class with none of its own may be known, one with some may not.
        unknown: names of the other classes, the least known first.
    """

    covered: int
    thin: int
    unverified: tuple[str, ...]
    known: int
    unknown: tuple[str, ...]


@dataclass(frozen=True)
class ClassTable:
    """What a plan means for each class."""

    plans: tuple[ClassPlan, ...]
    coverage: Coverage

    @classmethod
    def of(cls, names: tuple[str, ...], given: IntArray, found: Proposal, labels: PlannedLabels) -> Self:
        """Count by given class; `given` are those of the rows that `found` names."""
        samples, verified, proposed, audit = (
            np.bincount(part, minlength=len(names))
            for part in (
                labels.given,
                labels.given[labels.verified],
                given[found.rows],
                given[found.rows[found.is_audit]],
            )
        )
        order = np.argsort(-proposed, kind="stable")[: int((proposed > 0).sum())]
        none = np.flatnonzero((samples > 0) & (verified == 0))
        widths = np.where(samples > 0, labels.noise_widths(), 0.0)
        unknown = np.flatnonzero(widths > KNOWN_WIDTH)
        unknown = unknown[np.argsort(-widths[unknown], kind="stable")]
        coverage = Coverage(
            int((verified >= WELL_COVERED).sum()),
            int(((verified > 0) & (verified < WELL_COVERED)).sum()),
            tuple(names[c] for c in none),
            int((samples > 0).sum()) - unknown.size,
            tuple(names[c] for c in unknown),
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
