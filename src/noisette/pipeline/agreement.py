"""How far the reviewers of a workspace agree, and what they say together when they do not."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from noisette.pipeline.workspace import Workspace
from noisette.scores.agreement import Ratings, fleiss_kappa, weighted_consensus
from noisette.store import ReviewStore
from noisette.types import CORRECT, NOT_KNOWN, UNVERIFIED, Review

Name = tuple[str, str]
"""split, key"""


@dataclass(frozen=True)
class Reviewer:
    """One reviewer: decisions that count, how many of them are unsure or on samples where somebody disagrees.

    `reliability` is the expected share of his verdicts that are right, in [0, 1]; NaN where nothing tells: nobody else
    gave a verdict on a sample of his.
    """

    name: str
    decisions: int
    unsure: int
    disputed: int
    reliability: float


@dataclass(frozen=True)
class Agreement:
    """Several reviewers of a workspace.

    Attributes:
        kappa: Fleiss' kappa of the verdicts correct and wrong, 1 = always agreed, 0 = as by chance; NaN where no sample
            has two verdicts, or all are the same.
        samples: samples with verdicts of two reviewers or more.
        disputed: those of them on which verdicts differ.
        overruled: those of them where the verdict that stands (a vote) is not the one that reliability gives.
        reviewers: by number of decisions, most first.
    """

    kappa: float
    samples: int
    disputed: int
    overruled: int
    reviewers: tuple[Reviewer, ...]


def reviewer_agreement(workspace: Workspace) -> Agreement:
    """Measure how far the reviewers of a workspace agree on verdicts; who is unsure has given none."""
    with workspace.reviews() as store:
        voices, latest = _voices(store), store.latest()
    verdicts = {name: _sure(said) for name, said in voices.items()}
    several = {name: said for name, said in verdicts.items() if len(said) > 1}
    disputed = {name for name, said in several.items() if len({one.verification_label for one in said}) > 1}
    reliability = _reliability(verdicts)
    together = _weigh(voices, reliability)
    changed = [name for name in disputed if together[name].verification_label != latest[name].verification_label]
    counts = [np.bincount([one.verification_label for one in said], minlength=2) for said in several.values()]
    kappa = fleiss_kappa(np.array(counts).reshape(-1, 2))
    return Agreement(kappa, len(several), len(disputed), len(changed), _reviewers(voices, disputed, reliability))


def reliable_decisions(store: ReviewStore) -> dict[Name, Review]:
    """Give one decision a sample: where reviewers disagree, the verdict that their reliabilities make likelier.

    Reliabilities are learned from the samples that several looked at (`scores.agreement.weighted_consensus` on the
    verdicts). Where nobody disagrees, or only one person looked, what was said stands: nobody is overruled by a guess.
    Among those who say wrong, the class with the most reliability behind it is taken.
    """
    voices = _voices(store)
    return _weigh(voices, _reliability({name: _sure(said) for name, said in voices.items()}))


def _voices(store: ReviewStore) -> dict[Name, list[Review]]:
    return {name: list(said) for name, said in groupby(store.voices(), key=lambda one: (one.split, one.key))}


def _sure(said: Sequence[Review]) -> list[Review]:
    return [one for one in said if one.verification_label != UNVERIFIED]


@dataclass(frozen=True)
class _Reliability:
    """What is learned from samples with several verdicts: P(correct) of each, and how reliable each reviewer is."""

    is_correct: Mapping[Name, bool]
    of: Mapping[str, float]


def _reliability(verdicts: Mapping[Name, list[Review]]) -> _Reliability:
    several = {name: said for name, said in verdicts.items() if len(said) > 1}
    names, reviewers = list(several), sorted({one.reviewer for said in several.values() for one in said})
    number = {reviewer: at for at, reviewer in enumerate(reviewers)}
    rows = [
        (row, number[one.reviewer], one.verification_label) for row, name in enumerate(names) for one in several[name]
    ]
    columns = np.array(rows, dtype=np.int64).reshape(-1, 3).T
    sizes = {"num_samples": len(names), "num_raters": len(reviewers), "num_classes": 2}
    found = weighted_consensus(Ratings.of(*columns, **sizes))
    is_correct = {name: label == CORRECT for name, label in zip(names, found.labels.tolist(), strict=True)}
    return _Reliability(is_correct, dict(zip(reviewers, found.reliability.tolist(), strict=True)))


def _weigh(voices: Mapping[Name, list[Review]], reliability: _Reliability) -> dict[Name, Review]:
    return {
        name: _choose(_sure(said) or said, reliability.is_correct.get(name), reliability)
        for name, said in voices.items()
    }


def _choose(said: Sequence[Review], is_correct: bool | None, reliability: _Reliability) -> Review:
    """Give the last one of those who say what is taken."""
    agreeing = [one for one in said if is_correct is None or (one.verification_label == CORRECT) == is_correct] or said
    knowing = [one for one in agreeing if one.correct_label != NOT_KNOWN] or agreeing
    support: defaultdict[int, float] = defaultdict(float)
    for one in knowing:
        support[one.correct_label] += reliability.of.get(one.reviewer, 0.5)
    most = max(support.values())
    return [one for one in knowing if support[one.correct_label] == most][-1]


def _reviewers(
    voices: Mapping[Name, list[Review]], disputed: set[Name], reliability: _Reliability
) -> tuple[Reviewer, ...]:
    decisions, unsure, disputes = Counter[str](), Counter[str](), Counter[str]()
    for name, said in voices.items():
        for one in said:
            decisions[one.reviewer] += 1
            unsure[one.reviewer] += one.verification_label == UNVERIFIED
            disputes[one.reviewer] += name in disputed and one.verification_label != UNVERIFIED
    return tuple(
        Reviewer(name, count, unsure[name], disputes[name], reliability.of.get(name, float("nan")))
        for name, count in sorted(decisions.items(), key=lambda pair: (-pair[1], pair[0]))
    )
