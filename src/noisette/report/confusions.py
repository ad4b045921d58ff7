"""Which classes a classifier with label noise confuses: from its read-outs to the record that the page shows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

from noisette.errors import ShapeError
from noisette.heads.confusions import PairOrder, confused_pairs, correlation, shared_covariance
from noisette.report.records import ClassConfusions, ConfusionPair
from noisette.report.words import chance, percent
from noisette.types import ArrayLike, Float64Array, IntArray, as_numpy

MAX_CLASSES = 60
"""Classes of a heat map: names of more could not be read."""

MAX_PAIRS = 15
_LEAST_TO_SHARE = 4


def class_confusions(
    covariance: ArrayLike,
    class_names: Sequence[str],
    *,
    disagreement: ArrayLike | None = None,
    label_noise: ArrayLike | None = None,
    multilabel: bool = False,
    max_classes: int = MAX_CLASSES,
    max_pairs: int = MAX_PAIRS,
) -> ClassConfusions:
    """Make of a head's read-outs what the report shows: the most confused pairs, and the correlation of classes' noise.

    Of more than `max_classes` classes, those of the most confused pairs are taken. Classes are put in an order in which
    like ones are neighbours (average linkage of 1 - correlation, best order of the leaves).

    Args:
        covariance: (K, K), from `noisette.heads.average_covariance`.
        class_names: K names.
        disagreement: (K, K), `total` of `noisette.heads.label_disagreement`: pairs are then ordered by it, the chance
            that two labels are the pair, else by their covariance beyond independent noise.
        label_noise: (K, K), `label_noise` of the same.
        multilabel: the covariance is of a multi-label head, so it is taken as it is.
        max_classes: C, at most so many.
        max_pairs: at most so many.

    Raises:
        ShapeError: a matrix is not (K, K), or there are not K names.
        InvalidInputError: NaN, infinite or asymmetric entries.
    """
    order: PairOrder = "covariance" if multilabel else "shared"
    if disagreement is not None:
        order = "disagreement"
    found = confused_pairs(covariance, class_names, max_classes**2, by=order, disagreement=disagreement)
    matrix = np.asarray(as_numpy(covariance), dtype=np.float64)
    noise, size = _noise(label_noise, len(matrix)), len(matrix)
    correlations = correlation(matrix if multilabel else shared_covariance(matrix))
    shown = _shown([(pair.first, pair.second) for pair in found], size, max_classes)
    shown = shown[_clustered(correlations[np.ix_(shown, shown)])]
    return ClassConfusions(
        class_names=tuple(class_names[i] for i in shown),
        correlation=correlations[np.ix_(shown, shown)],
        pairs=tuple(
            ConfusionPair(
                names=pair.names,
                value=float(getattr(pair, order)),
                label_noise=float("nan") if noise is None else float(noise[pair.first, pair.second]),
            )
            for pair in found[:max_pairs]
        ),
        num_classes=size,
        are_chances=disagreement is not None,
        differ=_pair_sum(disagreement),
        differ_by_noise=_pair_sum(label_noise),
        is_contrast=not multilabel,
    )


def confusion_words(found: ClassConfusions) -> str:
    """Say which pairs are confused most, how much of it is noise, and what the map leaves out."""
    listed = [
        f"{' and '.join(pair.names)} ({chance(pair.value)})" if found.are_chances else " and ".join(pair.names)
        for pair in found.pairs[:3]
    ]
    start = "Two labels of one sample would most often be " if found.are_chances else "Their noise ties most closely "
    sentences = [f"{start}{_listing(listed)}."]
    if not np.isnan(found.differ):
        sentences.append(f"They would differ for {percent(found.differ)} of all samples{_noise_words(found)}.")
    if found.is_contrast and found.num_classes < _LEAST_TO_SHARE:
        sentences.append(
            "Fewer than four classes cannot tell correlated noise from noise of unequal size: the map is 0."
        )
    if len(found.class_names) < found.num_classes:
        sentences.append(
            f"The map shows the {len(found.class_names)} classes of the most confused pairs, of {found.num_classes:,}."
        )
    return " ".join(sentences)


def _noise_words(found: ClassConfusions) -> str:
    if np.isnan(found.differ_by_noise) or found.differ <= 0:
        return ""
    share = percent(max(found.differ_by_noise, 0.0) / found.differ, 0)
    return f"; {share} of that is noise of the labels, as the classifier sees it"


def _listing(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])}, and {names[-1]}" if names else "none"


def _noise(label_noise: ArrayLike | None, size: int) -> Float64Array | None:
    if label_noise is None:
        return None
    found = np.asarray(as_numpy(label_noise), dtype=np.float64)
    if found.shape != (size, size):
        raise ShapeError(f"`label_noise` must have shape ({size}, {size}), got {found.shape}")
    return found


def _pair_sum(matrix: ArrayLike | None) -> float:
    if matrix is None:
        return float("nan")
    found = np.asarray(as_numpy(matrix), dtype=np.float64)
    return float(np.triu(found, 1).sum())


def _shown(pairs: Sequence[tuple[int, int]], size: int, max_classes: int) -> IntArray:
    """Give the classes of the first pairs, all where they are few."""
    if size <= max_classes:
        return np.arange(size)
    chosen: dict[int, None] = {}
    for pair in pairs:
        if len(chosen | dict.fromkeys(pair)) > max_classes:
            break
        chosen |= dict.fromkeys(pair)
    return np.array(sorted(chosen), dtype=np.int64)


def _clustered(correlations: Float64Array) -> IntArray:
    """Give the order in which like classes are neighbours."""
    if len(correlations) < 3:
        return np.arange(len(correlations))
    distance = squareform(1 - correlations, checks=False)
    return np.asarray(leaves_list(linkage(distance, "average", optimal_ordering=True)), dtype=np.int64)
