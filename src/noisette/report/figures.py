"""Which figures a report has: each appears only where there is something to draw."""

from __future__ import annotations

import numpy as np

from noisette.functional.detection_metrics import (
    auroc,
    average_precision,
    expected_calibration_error,
    reliability_bins,
)
from noisette.report.charts import (
    MAX_CURVES,
    ClassRates,
    Curve,
    class_figure,
    histogram_figure,
    precision_recall_figure,
    reliability_figure,
    roc_figure,
)
from noisette.report.confusion_chart import confusion_figure
from noisette.report.records import ReportData, VerifierResult
from noisette.report.rounds_chart import rounds_figure
from noisette.types import CORRECT, UNVERIFIED, BoolArray, Float64Array

MAX_CLASSES = 20
"""Classes drawn in the figure of classes: the worst ones."""

_LONGEST_NAME = 34


def report_figures(data: ReportData) -> dict[str, str]:
    """Give the figures by name: precision_recall, roc, histogram, classes, reliability, rounds, confusions."""
    figures: dict[str, str] = {}
    curves = _curves(data)
    if curves:
        figures["precision_recall"] = precision_recall_figure([_curve(row, is_roc=False) for row in curves])
        figures["roc"] = roc_figure([_curve(row, is_roc=True) for row in curves])
    if data.num_samples:
        figures["histogram"] = histogram_figure(
            data.label_scores.score, data.verification_labels, data.threshold, data.score_name
        )
    rates = _class_rates(data)
    if rates.names:
        figures["classes"] = class_figure(rates)
    reliability = _reliability(data)
    if reliability:
        figures["reliability"] = reliability
    if len(data.rounds) > 1:
        figures["rounds"] = rounds_figure(data.rounds)
    if data.confusions is not None and data.confusions.pairs:
        figures["confusions"] = confusion_figure(data.confusions)
    return figures


def _curves(data: ReportData) -> list[VerifierResult]:
    """Give the verifiers to draw: those with samples of both kinds, the chosen one always among them."""
    usable = [
        r for r in data.evaluation if r.verification_labels is not None and np.unique(r.verification_labels).size == 2
    ]
    ranked = sorted(usable, key=lambda row: (not row.chosen, -np.nan_to_num(row.auroc)))
    kept = ranked[:MAX_CURVES]
    return [row for row in usable if any(row is k for k in kept)]


def _curve(row: VerifierResult, *, is_roc: bool) -> Curve:
    scores, truth = np.asarray(row.scores), np.asarray(row.verification_labels)
    quality = auroc(scores, truth) if is_roc else average_precision(scores, truth)
    return Curve(_short(row.name), scores, truth, quality, row.chosen)


def _class_rates(data: ReportData) -> ClassRates:
    rates = data.noise_rates
    known = np.flatnonzero(np.isfinite(rates.rate))
    worst = known[np.argsort(-rates.rate[known], kind="stable")][:MAX_CLASSES]
    errors = np.full(len(data.class_names), np.nan) if data.per_class_error is None else data.per_class_error
    source = np.array([*rates.source, ""])[worst]  # the empty word keeps numpy from choosing numbers for no classes
    return ClassRates(
        names=[_short(data.class_names[c]) for c in worst],
        rate=rates.rate[worst],
        low=rates.low[worst],
        high=rates.high[worst],
        bounded=np.isin(source, ("counted", "modelled")),
        counted=source == "counted",
        error=errors[worst],
    )


def calibration_error(data: ReportData) -> float:
    """Give the expected calibration error on checked labels; NaN where there are none."""
    quality, truth, weights = _predicted(data)
    return expected_calibration_error(quality, truth, sample_weight=weights) if truth.size else float("nan")


def _reliability(data: ReportData) -> str:
    quality, truth, weights = _predicted(data)
    if truth.size == 0:
        return ""
    return reliability_figure(reliability_bins(quality, truth, sample_weight=weights), calibration_error(data))


def _predicted(data: ReportData) -> tuple[Float64Array, BoolArray, Float64Array | None]:
    """Give probabilities, outcomes and weights of the checked labels that have a probability."""
    if data.model_quality is None:
        return np.empty(0), np.empty(0, dtype=np.bool_), None
    rows = (data.verification_labels != UNVERIFIED) & np.isfinite(data.model_quality)
    weights = None if data.verification_weights is None else data.verification_weights[rows]
    return data.model_quality[rows], data.verification_labels[rows] == CORRECT, weights


def _short(name: str) -> str:
    """Give a name on one line, cut where it is too long for a figure."""
    name = " ".join(name.split())
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "\N{HORIZONTAL ELLIPSIS}"
