"""Which samples go into a cleaned data set, and under which label: kept, dropped or relabelled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from noisette.errors import InvalidInputError, NotVerifiedError
from noisette.types import (
    CORRECT,
    MISLABELLED,
    NONE_OF_THE_CLASSES,
    NOT_KNOWN,
    BoolArray,
    Float64Array,
    IntArray,
    LabelScores,
)

KEPT, DROPPED, RELABELLED = 0, 1, 2
"""What becomes of a sample."""


@dataclass(frozen=True, kw_only=True)
class CurationRule:
    """How suspicious a label must be to go, and how likely its suggestion to take its place.

    Attributes:
        drop_below: a label is suspicious if its quality is below this, in [0, 1]; None = by the verifier's verdict.
        relabel_above: a suspicious sample takes the suggested label if that has this probability or more, in [0, 1];
            None = suspicious samples are dropped.
        clean_evaluation_splits: apply the rule to the validation and test splits too.
    """

    drop_below: float | None = None
    relabel_above: float | None = None
    clean_evaluation_splits: bool = False

    def __post_init__(self) -> None:
        for name in ("drop_below", "relabel_above"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise InvalidInputError(f"`{name}` must lie in [0, 1], got {value}")


@dataclass(frozen=True, eq=False)
class Curated:
    """What becomes of N samples.

    Attributes:
        action: (N,) 0 kept, 1 dropped, 2 relabelled.
        label: (N,) the final class id; -1 where dropped.
        sample_weight: (N,) weight >= 0 under the final label: its own where kept, the probability of the new label
            where relabelled (1 where a person gave it), 1 in a split left as it is, 0 where dropped.
    """

    action: IntArray
    label: IntArray
    sample_weight: Float64Array


@dataclass(frozen=True, eq=False)
class ClassChanges:
    """Counts a class, all (K,): by given label, but for `relabelled_into`, which counts by the new one."""

    samples: IntArray
    kept: IntArray
    dropped: IntArray
    relabelled_away: IntArray
    relabelled_into: IntArray

    def lost_share(self) -> Float64Array:
        """Give the share (K,) of its samples that each class loses, dropped or relabelled away; 0 where it has none."""
        share: Float64Array = (self.samples - self.kept) / np.maximum(self.samples, 1)
        return share

    def losing(self, share: float = 0.5) -> IntArray:
        """Give the classes that lose over this share of their samples; worst first."""
        lost = self.lost_share()
        classes = np.flatnonzero(lost > share)
        order: IntArray = classes[np.argsort(-lost[classes], kind="stable")]
        return order


def curate(
    rule: CurationRule,
    scores: LabelScores,
    *,
    verification_labels: IntArray,
    correct_labels: IntArray,
    is_untouched: BoolArray,
) -> Curated:
    """Decide on every sample: people first, then the rule.

    - in an untouched split: kept as it is
    - decided correct: kept, whatever its score
    - decided wrong: relabelled to the class that people named; dropped if that is "none of the classes"; where they
      named nothing, suspicious
    - otherwise suspicious if its quality is below `drop_below` (without one: by the verifier's verdict), else kept
    - suspicious: relabelled to the suggestion if `relabel_above` allows and that is another class, else dropped

    Args:
        rule: the rule.
        scores: what is known about every label, (N,) each; a quality of NaN is never below anything.
        verification_labels: (N,) 1 correct, 0 mislabelled, -1 unverified.
        correct_labels: (N,) class ids; -1 not known, -2 none of the classes.
        is_untouched: (N,) True in splits that are left as they are.

    Raises:
        NotVerifiedError: `drop_below` is given, and no label that it is to judge has a quality.
    """
    given = scores.given_label
    is_right = ~is_untouched & (verification_labels == CORRECT)
    is_wrong = ~is_untouched & (verification_labels == MISLABELLED)
    is_open = ~is_untouched & ~is_right & ~is_wrong
    _check_quality(rule, scores.label_quality[is_open])
    is_suspicious = is_wrong | (is_open & _looks_wrong(rule, scores))
    is_corrected = is_wrong & (correct_labels >= 0)
    is_hopeless = is_wrong & (correct_labels == NONE_OF_THE_CLASSES)
    is_replaced = is_suspicious & ~is_corrected & ~is_hopeless & _has_substitute(rule, scores)
    is_dropped = is_suspicious & ~is_corrected & ~is_replaced
    action = np.select([is_corrected | is_replaced, is_dropped], [RELABELLED, DROPPED], KEPT)
    label = np.select(
        [is_dropped, is_corrected, is_replaced], [np.int64(NOT_KNOWN), correct_labels, scores.suggested_label], given
    )
    weight = np.select(
        [is_dropped, is_corrected | is_untouched, is_replaced],
        [0.0, 1.0, scores.suggested_probability],
        scores.sample_weight,
    )
    return Curated(action.astype(np.int64), label.astype(np.int64), weight)


def count_changes(given_labels: IntArray, curated: Curated, num_classes: int) -> ClassChanges:
    """Count what becomes of the samples of each class.

    Args:
        given_labels: (N,) class ids.
        curated: from `curate`, for the same samples.
        num_classes: K.
    """

    def count(labels: IntArray) -> IntArray:
        return np.bincount(labels, minlength=num_classes).astype(np.int64)

    kept, dropped, relabelled = (curated.action == action for action in (KEPT, DROPPED, RELABELLED))
    return ClassChanges(
        count(given_labels),
        count(given_labels[kept]),
        count(given_labels[dropped]),
        count(given_labels[relabelled]),
        count(curated.label[relabelled]),
    )


def _check_quality(rule: CurationRule, quality: Float64Array) -> None:
    if rule.drop_below is not None and quality.size and np.isnan(quality).all():
        raise NotVerifiedError(
            "`drop_below` needs label qualities, and without verification labels there are none; check some labels "
            "(correct and wrong ones), import them with `noisette labels import`, and run `noisette detect` again"
        )


def _looks_wrong(rule: CurationRule, scores: LabelScores) -> BoolArray:
    if rule.drop_below is None:
        return scores.is_label_issue
    below: BoolArray = scores.label_quality < rule.drop_below
    return below


def _has_substitute(rule: CurationRule, scores: LabelScores) -> BoolArray:
    if rule.relabel_above is None:
        return np.zeros(scores.given_label.size, dtype=np.bool_)
    is_class = (scores.suggested_label >= 0) & (scores.suggested_label != scores.given_label)
    allowed: BoolArray = is_class & (scores.suggested_probability >= rule.relabel_above)
    return allowed
