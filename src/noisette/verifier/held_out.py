"""The held-out-class protocol: how well are labels judged in classes of which nobody has verified one?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from noisette.errors import InvalidInputError, NotVerifiedError, UnknownClassError
from noisette.scores.thresholds import FIXED_THRESHOLDS
from noisette.types import (
    NOT_KNOWN,
    UNVERIFIED,
    ArrayLike,
    FeatureTable,
    Float64Array,
    IntArray,
    RandomState,
    as_generator,
)
from noisette.verifier.base import Verifier
from noisette.verifier.evaluation import Detection, evaluate_scores
from noisette.verifier.inputs import TrainingData, check_training_data
from noisette.verifier.set_aside import picture_numbers, set_aside, with_copies

WEAKLY_SUPERVISED = ("average", "filtering", "drae")
"""Methods in whose scores no verification label takes part; "error reduced" is measured against the best of them."""


@dataclass(frozen=True)
class HeldOutRow:
    """One verifier (or one with a fixed threshold) inside and outside the classes it learned from.

    Attributes:
        name: as given in `verifiers`; with a fixed threshold that is added.
        inside: figures on verified rows of the other classes whose labels were set aside.
        outside: figures on the verified rows of the held-out classes.
        error_reduced: 100 (w - e) / w, with e the average error outside and w that of the best weakly supervised
            verifier at its own threshold; positive = better than it. NaN where there is none, or w is 0.
    """

    name: str
    inside: Detection
    outside: Detection
    error_reduced: float


@dataclass(frozen=True)
class SampleScores:
    """What one verifier says about one sample whose own verification label it never sees.

    Attributes:
        name: the verifier.
        row: row number of the sample.
        all_verified: score with labels of all classes verified.
        class_held_out: score with the held-out classes left out.
    """

    name: str
    row: int
    all_verified: float
    class_held_out: float


@dataclass(frozen=True)
class HeldOutReport:
    """Outcome of `held_out_classes`.

    Attributes:
        held_out: ids of the held-out classes, ascending.
        rows: one a verifier, in the order given; CleanNet has further ones at the fixed thresholds.
        samples: one a verifier and sample row.
    """

    held_out: tuple[int, ...]
    rows: tuple[HeldOutRow, ...]
    samples: tuple[SampleScores, ...]


def held_out_classes(
    features: ArrayLike | FeatureTable,
    given_labels: ArrayLike,
    verification_labels: ArrayLike,
    held_out: int | Sequence[int],
    verifiers: Mapping[str, Callable[[], Verifier]],
    *,
    correct_labels: ArrayLike | None = None,
    pred_probs: ArrayLike | None = None,
    class_names: Sequence[str] | None = None,
    duplicate_groups: ArrayLike | None = None,
    test_share: float = 0.2,
    sample_rows: Sequence[int] = (),
    random_state: RandomState = 0,
) -> HeldOutReport:
    """Fit verifiers without the verification labels of some classes, then measure them inside and outside.

    The protocol of Lee et al. (CVPR 2018). Neither the verification labels of the held-out classes are used, nor that
    a mislabelled sample of another class belongs to one of them. Of the other classes' verification labels a share is
    set aside to measure the error inside. What is measured on is not learned from in a copy either: duplicates are set
    aside together, and labels of duplicates of the held-out classes' samples are left out.

    Args:
        features: as in `Verifier.fit`.
        given_labels: as in `Verifier.fit`.
        verification_labels: as in `Verifier.fit`.
        held_out: class ids, or how many of the verified classes to draw.
        verifiers: name -> function that makes an unfitted verifier.
        correct_labels: as in `Verifier.fit`.
        pred_probs: as in `Verifier.fit`.
        class_names: as in `Verifier.fit`.
        duplicate_groups: (N,) rows of one number show one picture, -1 = no duplicate; None = byte-equal rows only.
        test_share: share of the other classes' verification labels to set aside, between 0 and 1.
        sample_rows: rows to score twice: all classes verified, and these held out. Costs a second fit a verifier.
        random_state: draws classes and rows.

    Raises:
        UnknownClassError: a held-out class does not exist.
        NotVerifiedError: no verification label is left to learn from, or there is none to measure on.
        InvalidInputError: another argument is malformed.

    Example:
        >>> from noisette.verifier.baselines.average import AverageVerifier
        >>> rng = np.random.default_rng(0)
        >>> truth = np.arange(200) % 4
        >>> given = np.where(rng.random(200) < 0.2, (truth + 1) % 4, truth)
        >>> features = np.eye(4)[truth] + rng.normal(size=(200, 4)) / 10
        >>> report = held_out_classes(features, given, given == truth, [2, 3], {"average": AverageVerifier})
        >>> [row.outside.error for row in report.rows]
        [0.0]
    """
    data = check_training_data(
        features, given_labels, verification_labels, correct_labels, pred_probs, class_names, duplicate_groups
    )
    if not 0 < test_share < 1:
        raise InvalidInputError(f"`test_share` must lie between 0 and 1, got {test_share}")
    if not verifiers:
        raise InvalidInputError("`verifiers` must name at least one verifier")
    samples = _check_rows(sample_rows, data.table.num_rows)
    rng = as_generator(random_state)
    pictures = picture_numbers(data, duplicate_groups)
    classes = _classes(data, held_out, rng)
    outside = data.verified_rows[np.isin(data.given_labels[data.verified_rows], classes)]
    others = np.setdiff1d(data.verified_rows, with_copies(pictures, np.concatenate([outside, samples])))
    inside = set_aside(data, others, pictures, test_share, rng)
    _check_left(outside, inside, others)
    everything = _without(data, with_copies(pictures, np.concatenate([inside, samples])))
    part = _without_classes(_without(everything, with_copies(pictures, outside)), classes)
    rows: list[HeldOutRow] = []
    scored: list[SampleScores] = []
    weak: list[float] = []
    for name, make in verifiers.items():
        verifier = _fit(make(), part)
        new = _measure(name, verifier, data, inside, outside)
        rows += new
        if verifier.name in WEAKLY_SUPERVISED:
            weak.append(new[0].outside.average_error)
        if samples.size:
            scored += _score_twice(name, verifier, _fit(make(), everything), data, samples)
    return HeldOutReport(tuple(classes.tolist()), _with_reduction(rows, weak), tuple(scored))


def held_out_table(report: HeldOutReport) -> str:
    """Give the report as a plain-text table: errors in %, error reduced in % of the best weakly supervised one's."""
    width = max([8, *(len(row.name) for row in report.rows)])
    lines = [
        f"{'verifier':<{width}}  {'--- inside ---':^15}  {'-- held out --':^15}  {'error':>8}",
        f"{'':<{width}}  {'error':>7} {'AUROC':>7}  {'error':>7} {'AUROC':>7}  {'reduced':>8}",
    ]
    for row in report.rows:
        reduced = "-" if np.isnan(row.error_reduced) else f"{row.error_reduced:+.1f} %"
        figures = "  ".join(f"{100 * d.average_error:6.2f}% {d.auroc:7.3f}" for d in (row.inside, row.outside))
        lines.append(f"{row.name:<{width}}  {figures}  {reduced:>8}")
    return "\n".join(lines) + "\n"


def _classes(data: TrainingData, held_out: int | Sequence[int], rng: np.random.Generator) -> IntArray:
    """Resolve `held_out` to ascending class ids."""
    verified = np.unique(data.given_labels[data.verified_rows])
    if isinstance(held_out, int | np.integer):
        if not 0 < held_out < verified.size:
            raise InvalidInputError(
                f"`held_out` must leave some of the {verified.size} verified classes and hold out some, got {held_out}"
            )
        return np.sort(rng.choice(verified, int(held_out), replace=False))
    classes = np.unique(np.asarray(held_out, dtype=np.int64))
    unknown = classes[(classes < 0) | (classes >= data.num_classes)]
    if unknown.size:
        raise UnknownClassError(
            f"`held_out` must hold class ids in 0..{data.num_classes - 1}, got {unknown[0]}; use ids, not names"
        )
    return classes


def _check_rows(rows: Sequence[int], size: int) -> IntArray:
    numbers = np.asarray(rows, dtype=np.int64)
    bad = numbers[(numbers < 0) | (numbers >= size)]
    if bad.size:
        raise InvalidInputError(f"`sample_rows` must hold row numbers in 0..{size - 1}, got {bad[0]}")
    return numbers


def _check_left(outside: IntArray, inside: IntArray, others: IntArray) -> None:
    if outside.size == 0:
        raise NotVerifiedError(
            "`held_out` names no class with verification labels, so there is nothing to measure on; name verified ones"
        )
    if inside.size == 0 or inside.size == others.size:
        raise NotVerifiedError(
            f"{others.size} verification labels are left outside the held-out classes, too few to learn from and to "
            "measure on; hold out fewer classes or verify more labels"
        )


def _without(data: TrainingData, rows: IntArray) -> TrainingData:
    """Give the same data with these rows unverified."""
    verification, correct = data.verification_labels.copy(), data.correct_labels.copy()
    verification[rows], correct[rows] = UNVERIFIED, NOT_KNOWN
    return replace(data, verification_labels=verification, correct_labels=correct)


def _without_classes(data: TrainingData, classes: IntArray) -> TrainingData:
    """Give the same data without the knowledge that mislabelled samples of other classes belong to these."""
    correct = np.where(np.isin(data.correct_labels, classes), NOT_KNOWN, data.correct_labels)
    return replace(data, correct_labels=correct)


def _fit(verifier: Verifier, data: TrainingData) -> Verifier:
    return verifier.fit(
        data.table,
        data.given_labels,
        data.verification_labels,
        correct_labels=data.correct_labels,
        pred_probs=data.pred_probs,
        class_names=data.class_names,
        duplicate_groups=data.duplicate_groups,
    )


def _scores(verifier: Verifier, data: TrainingData, rows: IntArray) -> Float64Array:
    return verifier.score_samples(data.table.take(rows), data.given_labels[rows], pred_probs=data.probs_of(rows))


def _measure(
    name: str, verifier: Verifier, data: TrainingData, inside: IntArray, outside: IntArray
) -> list[HeldOutRow]:
    """Measure one verifier at its own threshold, and CleanNet at the published ones too."""
    assert verifier.rules.threshold is not None
    cases = {name: verifier.rules.threshold}
    if verifier.name == "cleannet":
        cases |= {f"{name} at {threshold}": threshold for threshold in FIXED_THRESHOLDS}
    parts = [(rows, _scores(verifier, data, rows)) for rows in (inside, outside)]
    found = []
    for case, threshold in cases.items():
        within, beyond = (
            evaluate_scores(case, scores, data.verification_labels[rows], data.given_labels[rows], threshold)
            for rows, scores in parts
        )
        found.append(HeldOutRow(case, within, beyond, float("nan")))
    return found


def _with_reduction(rows: list[HeldOutRow], weak: list[float]) -> tuple[HeldOutRow, ...]:
    best = min(weak, default=0.0)
    if best <= 0:
        return tuple(rows)
    return tuple(replace(row, error_reduced=100 * (best - row.outside.average_error) / best) for row in rows)


def _score_twice(
    name: str, part: Verifier, everything: Verifier, data: TrainingData, rows: IntArray
) -> list[SampleScores]:
    scores = zip(rows.tolist(), _scores(everything, data, rows), _scores(part, data, rows), strict=True)
    return [SampleScores(name, row, float(both), float(held)) for row, both, held in scores]
