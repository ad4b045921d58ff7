"""Detection metrics, thresholds and weights written as slow loops straight from their definitions."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise


def error_rate(verdict: Sequence[bool], truth: Sequence[int]) -> float:
    return sum(bool(v) != bool(t) for v, t in zip(verdict, truth, strict=True)) / len(truth)


def average_error_rate(verdict: Sequence[bool], truth: Sequence[int], given: Sequence[int]) -> float:
    errors = []
    for label in sorted(set(given)):
        rows = [i for i, g in enumerate(given) if g == label]
        errors.append(error_rate([verdict[i] for i in rows], [truth[i] for i in rows]))
    return sum(errors) / len(errors)


def auroc(scores: Sequence[float], truth: Sequence[int]) -> float:
    good = [s for s, t in zip(scores, truth, strict=True) if t == 1]
    bad = [s for s, t in zip(scores, truth, strict=True) if t == 0]
    wins = sum(1.0 if g > b else 0.5 if g == b else 0.0 for g in good for b in bad)
    return wins / (len(good) * len(bad))


def average_precision(scores: Sequence[float], truth: Sequence[int]) -> float:
    """Precision of the lowest scores, summed over the steps of recall of mislabelled samples."""
    total = sum(t == 0 for t in truth)
    value, recall_before = 0.0, 0.0
    for level in sorted(set(scores)):
        taken = [t for s, t in zip(scores, truth, strict=True) if s <= level]
        found = sum(t == 0 for t in taken)
        value += (found / total - recall_before) * found / len(taken)
        recall_before = found / total
    return value


def calibration_error(probability: Sequence[float], target: Sequence[int], num_bins: int) -> float:
    """The bin of p is the last one whose left edge is at most p; 1.0 belongs to the last bin."""
    value = 0.0
    for b in range(num_bins):
        low, high = b / num_bins, (b + 1) / num_bins
        rows = [i for i, p in enumerate(probability) if low <= p < high or (p == 1.0 and b == num_bins - 1)]
        if rows:
            gap = sum(probability[i] for i in rows) / len(rows) - sum(target[i] for i in rows) / len(rows)
            value += len(rows) / len(target) * abs(gap)
    return value


def smallest_threshold_error(scores: Sequence[float], truth: Sequence[int], groups: Sequence[int] | None) -> float:
    """The lowest error any threshold can reach, by trying one below, between and above all scores."""
    levels = sorted(set(scores))
    cuts = [levels[0] - 1, *[(a + b) / 2 for a, b in pairwise(levels)], levels[-1] + 1]
    return min(threshold_error(scores, truth, groups, cut) for cut in cuts)


def threshold_error(
    scores: Sequence[float], truth: Sequence[int], groups: Sequence[int] | None, threshold: float
) -> float:
    verdict = [s >= threshold for s in scores]
    return error_rate(verdict, truth) if groups is None else average_error_rate(verdict, truth, groups)


def effective_sample_size(weights: Sequence[float]) -> float:
    total, squares = sum(weights), sum(w * w for w in weights)
    return total * total / squares if squares > 0 else 0.0
