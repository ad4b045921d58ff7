"""The report: one HTML file that needs nothing else, and is the same for the same inputs."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from noisette.files import atomic_open
from noisette.report import words
from noisette.report.confusions import confusion_words
from noisette.report.drawing import theme
from noisette.report.duplicates import duplicate_pictures
from noisette.report.figures import calibration_error, report_figures
from noisette.report.records import ReportData, SuspiciousSample, VerifierResult, check_report
from noisette.report.thumbnails import make_thumbnail
from noisette.types import UNVERIFIED

MAX_SAMPLES = 48
"""Samples shown in the gallery."""

MAX_CLASSES = 30
"""Rows shown in the table of classes."""

_FIRST_SCREEN_CLASSES, _FIRST_SCREEN_SAMPLES = 5, 6


def write_report(path: str | Path, data: ReportData) -> None:
    """Write one self-contained HTML file; it is either whole or the old one.

    The file holds its style, figures and thumbnails, refers to nothing outside, and carries no clock, host or path: the
    same data give the same bytes.

    Args:
        path: the file, usually ``report/index.html``; its folder is made.
        data: what to show.

    Raises:
        ShapeError, InvalidInputError: the parts of `data` do not fit together.
    """
    text = render_report(data)
    with atomic_open(path) as file:
        file.write(text)


def render_report(data: ReportData) -> str:
    """Give the page as text, see `write_report`."""
    check_report(data)
    loader = PackageLoader("noisette.report", "templates")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"percent": words.percent, "decimal": words.decimal, "setting": _setting}
    style = Markup(theme() + loader.get_source(environment, "report.css")[0])
    return environment.get_template("report.html.j2").render(_context(data), style=style) + "\n"


def _context(data: ReportData) -> dict[str, Any]:
    gallery = [_gallery_item(data, sample) for sample in data.samples[:MAX_SAMPLES]]
    return {
        "title": data.title,
        "headline": words.headline(data),
        "bar": _bar(data),
        "worst": words.worst_classes(data, _FIRST_SCREEN_CLASSES),
        "worst_scale": _worst_scale(data),
        "trust": words.trust(data),
        "cleaning": words.cleaning(data),
        "next_step": data.next_step,
        "next_reason": words.next_reason(data),
        "notes": list(data.notes),
        "evaluation": _evaluation(data.evaluation),
        "figures": {name: Markup(svg) for name, svg in report_figures(data).items()},
        "classes": _classes(data),
        "num_classes": len(data.class_names),
        "num_shown_classes": min(MAX_CLASSES, len(data.class_names)),
        "gallery": gallery,
        "calibration_error": calibration_error(data),
        "calibration": words.calibration(data),
        "choice": words.choice_words(data),
        "has_evidence": any(item["sample"].evidence for item in gallery),
        "has_pictures": any(item["thumbnail"] for item in gallery),
        "strip": [item for item in gallery if item["thumbnail"]][:_FIRST_SCREEN_SAMPLES],
        "weight_warnings": [(data.class_names[w.class_id], w) for w in data.weights.warnings[:MAX_CLASSES]],
        "num_weight_warnings": len(data.weights.warnings),
        "duplicates": data.duplicates,
        "pictures": duplicate_pictures(data),
        "rounds": words.rounds(data),
        "confusions": "" if data.confusions is None else confusion_words(data.confusions),
        "settings": data.settings,
        "versions": data.versions,
        "level": data.noise_rates.level,
        "score_name": data.score_name,
    }


def _bar(data: ReportData) -> list[tuple[str, str, int, float]]:
    """Give the parts of the whole data set as (kind, words, number, share)."""
    truth, issue = data.verification_labels, data.label_scores.is_label_issue
    is_judged = data.threshold is not None or bool(issue[truth == UNVERIFIED].any())
    parts = (
        ("wrong", "checked and wrong", truth == 0),
        ("suspicious", "look wrong, not checked", (truth == UNVERIFIED) & issue),
        (
            "unverified",
            "look right, not checked" if is_judged else "not checked, not judged",
            (truth == UNVERIFIED) & ~issue,
        ),
        ("correct", "checked and correct", truth == 1),
    )
    size = max(1, data.num_samples)
    return [(kind, text, int(mask.sum()), float(mask.sum() / size)) for kind, text, mask in parts if mask.any()]


def _worst_scale(data: ReportData) -> float:
    """Give the share at the right end of the first screen's little bars."""
    worst = words.worst_classes(data, _FIRST_SCREEN_CLASSES)
    return max([c.high if c.bounded else c.rate for c in worst], default=1.0) or 1.0


def _evaluation(rows: Sequence[VerifierResult]) -> dict[str, Any]:
    """Give the columns that have at least one number, and per row the values with a mark on the best of each."""
    columns: list[tuple[str, str, Callable[[float], str], int]] = [
        ("average_error_inside", "average error, verified classes", words.percent, -1),
        ("average_error_held_out", "average error, held-out classes", words.percent, -1),
        ("micro_error", "error over all samples", words.percent, -1),
        ("auroc", "AUROC", words.decimal, 1),
        ("average_precision", "average precision", words.decimal, 1),
        ("threshold", "threshold", words.decimal, 0),
        ("error_reduced", "error reduced", words.percent, 1),
    ]
    used = [c for c in columns if any(not np.isnan(getattr(row, c[0])) for row in rows)]
    best = {c[0]: _best(rows, c[0], c[3]) for c in used}
    return {
        "columns": [c[1] for c in used],
        "rows": [
            (
                row.name,
                row.chosen,
                [(form(getattr(row, key)), getattr(row, key) == best[key]) for key, _, form, _ in used],
            )
            for row in rows
        ],
        "has_reduction": any(c[0] == "error_reduced" for c in used),
        "has_held_out": any(c[0] == "average_error_held_out" for c in used),
    }


def _best(rows: Sequence[VerifierResult], key: str, direction: int) -> float:
    values = [direction * getattr(row, key) for row in rows if not np.isnan(getattr(row, key))]
    return direction * max(values) if direction and len(values) > 1 else float("nan")


def _classes(data: ReportData) -> list[dict[str, Any]]:
    """Give the rows of the table of classes, highest noise rate first."""
    rates = data.noise_rates
    order = np.argsort(-np.nan_to_num(rates.rate, nan=-1.0), kind="stable")[:MAX_CLASSES]
    errors = np.full(len(data.class_names), np.nan) if data.per_class_error is None else data.per_class_error
    return [
        {
            "name": data.class_names[c],
            "size": int(rates.num_samples[c]),
            "verified": int(rates.num_verified[c]),
            "rate": float(rates.rate[c]),
            "low": float(rates.low[c]),
            "high": float(rates.high[c]),
            "source": rates.source[c],
            "error": float(errors[c]),
            "kept": float(data.weights.kept_share[c]),
            "effective": float(data.weights.effective_size[c]),
        }
        for c in order
    ]


def _gallery_item(data: ReportData, sample: SuspiciousSample) -> dict[str, Any]:
    suggested = sample.suggested_label
    is_same = suggested == sample.given_label
    return {
        "sample": sample,
        "given": data.class_name(sample.given_label),
        "suggested": "" if suggested == -1 or is_same else data.class_name(suggested),
        "checked": {0: "checked: wrong", 1: "checked: correct"}.get(sample.verification_label, ""),
        "thumbnail": None if sample.image is None else make_thumbnail(sample.image),
    }


def _setting(value: object) -> str:
    """Show a setting the way it stands in a settings file."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)
