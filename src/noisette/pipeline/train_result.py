"""What `noisette train` made: the numbers beside the weights, written and read back."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from noisette.errors import DataFileError
from noisette.training import ClassifierMetrics

METRICS = "metrics.json"


@dataclass(frozen=True, kw_only=True)
class TrainFacts:
    """What there is to say of a classifier; kept as metrics.json beside its weights.

    Attributes:
        architecture: of the network.
        head: its last layer.
        num_parameters: that were learned.
        weights: soft, hard, none, ...
        verifier: whose scores the weights are from; "" = none were used.
        num_samples: learned from.
        num_changed: of these, not under their given label.
        num_without_weight: of these, with weight 0.
        num_left_out: samples of training splits that were not learned from.
        mean_weight: before weights were scaled to mean 1; under "end-to-end" that of the last epoch.
        bad: reason -> number of samples left out for it.
        history: a record an epoch: epoch, loss, learning_rate, metrics of the validation split under given labels, or,
            without one, of the held-out samples; under "end-to-end" its terms: both losses, and the mean weight.
        evaluation: split -> "given" or "verified" labels -> metrics; see `ClassifierMetrics`; None = not defined.
        notes: what a person should know.
    """

    architecture: str
    head: str
    num_parameters: int
    weights: str
    verifier: str
    num_samples: int
    num_changed: int
    num_without_weight: int
    num_left_out: int
    mean_weight: float
    bad: dict[str, int]
    history: list[dict[str, Any]]
    evaluation: dict[str, dict[str, dict[str, float | None]]]
    notes: list[str]


def metrics_text(facts: TrainFacts) -> str:
    """Give the content of metrics.json: the same facts, the same bytes."""
    return json.dumps(_plain(asdict(facts)), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def read_facts(folder: Path) -> TrainFacts:
    """Read metrics.json of a classifier.

    Raises:
        DataFileError: it is missing or damaged.
    """
    path = folder / METRICS
    try:
        return TrainFacts(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise DataFileError(path, f"cannot be read ({error}); `noisette train --fresh` makes it again") from error


def confusion_text(metrics: ClassifierMetrics, class_names: tuple[str, ...]) -> str:
    """Give a confusion matrix as CSV: true class, predicted class, count, a line for each that is not 0."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("true_class", "predicted_class", "count"))
    for true, predicted in np.argwhere(metrics.confusion).tolist():
        writer.writerow((class_names[true], class_names[predicted], int(metrics.confusion[true, predicted])))
    return text.getvalue()


def _plain(value: Any) -> Any:
    """Give JSON values, None for what is not finite."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
