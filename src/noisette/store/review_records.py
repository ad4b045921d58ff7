"""What the review store answers, as plain records."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from noisette.types import NOT_KNOWN, UNVERIFIED, BoolArray, Float64Array, IntArray, Review


@dataclass(frozen=True, eq=False)
class ResolvedLabels:
    """The decisions that stand, in the order of the samples that were asked for.

    Attributes:
        verification_labels: (N,) 1 correct, 0 mislabelled, -1 unverified or unsure.
        correct_labels: (N,) class ids; -1 not known, -2 none of the classes.
        changed: (N,) True where the decision was about another given label: it does not count.
        inclusion_probabilities: (N,) chance in (0, 1] with which a verified sample was drawn; NaN where it is not
            known, or nothing is verified.
        is_audit: (N,) True where a verified sample was drawn at random from all samples.
        is_unsure: (N,) True where somebody looked and could not tell.
    """

    verification_labels: IntArray
    correct_labels: IntArray
    changed: BoolArray
    inclusion_probabilities: Float64Array
    is_audit: BoolArray
    is_unsure: BoolArray

    @classmethod
    def none_of(cls, size: int) -> ResolvedLabels:
        """Give the labels of N samples that nobody decided on."""
        masks = [np.zeros(size, dtype=np.bool_) for _ in range(3)]
        verdicts, correct = np.full(size, UNVERIFIED, np.int64), np.full(size, NOT_KNOWN, np.int64)
        return cls(verdicts, correct, masks[0], np.full(size, np.nan), masks[1], masks[2])


@dataclass(frozen=True, slots=True)
class Draw:
    """How a sample came to be looked at: the queue that drew it, and with what chance in (0, 1]."""

    queue: str
    inclusion_probability: float


@dataclass(frozen=True)
class ReviewCounts:
    """How many decisions there are, on how many samples, and what the last decision on each sample says."""

    decisions: int
    samples: int
    correct: int
    mislabelled: int
    unsure: int


@dataclass(frozen=True, slots=True)
class StoredReview:
    """A row of the store: its number (later rows have higher ones), the decision, and the number of the one it undoes.

    `undoes` None: a decision like any other. Else the row only takes that one back; its `review` repeats what was said,
    with who undid it and when.
    """

    id: int
    review: Review
    undoes: int | None = None


@dataclass(frozen=True, slots=True)
class ClassProgress:
    """How many samples of a class somebody decided on, and what stands for them; decided = correct + wrong + unsure."""

    decided: int
    correct: int
    wrong: int
    unsure: int


@dataclass(frozen=True)
class Repair:
    """What differed when all that stands was derived anew from the decisions.

    Attributes:
        samples: for how many samples a decision stands.
        missing: for how many of them none was noted.
        superfluous: for how many more a decision was noted where none stands.
        other: for how many another decision, or another word on whether reviewers disagree, was noted.
        classes: of how many classes the counts were wrong.
    """

    samples: int
    missing: int
    superfluous: int
    other: int
    classes: int

    @property
    def is_clean(self) -> bool:
        """True where nothing differed."""
        return not (self.missing or self.superfluous or self.other or self.classes)
