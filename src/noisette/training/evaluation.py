"""How good a classifier is on samples whose labels can be trusted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.metrics import confusion_matrix
from torch import nn
from torch.utils.data import DataLoader

from noisette.errors import InvalidInputError, NoisetteError
from noisette.functional.average_precision import ranking_precision
from noisette.functional.class_metrics import (
    class_accuracy,
    negative_log_likelihood,
    per_class_accuracy,
    top_label_calibration_error,
)
from noisette.types import Float32Array, IntArray

_ROWS = 1024


@dataclass(frozen=True, eq=False)
class ClassifierMetrics:
    """Of N samples and K classes; NaN where a metric is not defined.

    Attributes:
        num_samples: N.
        top1: share of samples whose label has the highest probability; high is good, as are the next two.
        top5: share whose label is among the five highest.
        macro_accuracy: mean over the classes present of the accuracy within the class.
        nll: mean negative log-likelihood in nats, of several labels a sample summed over classes; low is good.
        ece: expected calibration error of the top class, 15 bins of equal width; low is good.
        gap: global average precision over all (sample, class) pairs; high is good.
        confusion: (K, K) counts: true class by predicted class; empty for several labels a sample.
    """

    num_samples: int
    top1: float
    top5: float
    macro_accuracy: float
    nll: float
    ece: float
    gap: float
    confusion: IntArray

    def as_numbers(self) -> dict[str, float]:
        """Give all but the confusion matrix."""
        return {name: value for name, value in vars(self).items() if name != "confusion"}


def evaluate_classifier(
    model: nn.Module,
    dataset: Any,
    *,
    batch_size: int = 256,
    num_workers: int = 0,
    device: torch.device | str = "cpu",
    multilabel: bool = False,
) -> ClassifierMetrics:
    """Evaluate a classifier on a map-style data set of (x, y) or (x, y, w); weights are not used.

    (N, K) log-probabilities are held in memory.

    Raises:
        InvalidInputError: the data set is empty.
        NoisetteError: the classifier gives NaN.
    """
    logs, labels = predict(
        model, dataset, batch_size=batch_size, num_workers=num_workers, device=device, multilabel=multilabel
    )
    if len(labels) == 0:
        raise InvalidInputError("the data set to evaluate on holds no sample")
    bad = np.flatnonzero(np.isnan(logs).any(1))
    if bad.size:
        raise NoisetteError(
            f"the classifier gives NaN for {bad.size} of {len(logs)} samples, first for number {bad[0]}; its training "
            "went astray (lower the learning rate), or the pictures hold NaN"
        )
    return _multilabel_metrics(logs, labels) if multilabel else _metrics(logs, labels)


@torch.no_grad()  # not inference mode: a layer may keep a tensor for later training
def predict(
    model: nn.Module,
    dataset: Any,
    *,
    batch_size: int = 256,
    num_workers: int = 0,
    device: torch.device | str = "cpu",
    multilabel: bool = False,
) -> tuple[Float32Array, IntArray]:
    """Give (N, K) log-probabilities (multi-label: logits) and the (N,) or (N, K) labels, in order."""
    loader: DataLoader[Any] = DataLoader(
        dataset,
        batch_size=batch_size,
        num_workers=num_workers,
        generator=torch.Generator(),  # else the loader draws from the global one
    )
    logs: list[Float32Array] = []
    labels: list[IntArray] = []
    with evaluation_mode(model):
        for images, targets, *_ in loader:
            outputs = model(images.to(device, non_blocking=True)).float()
            logs.append((outputs if multilabel else outputs.log_softmax(1)).cpu().numpy())
            labels.append(targets.numpy())
    if not logs:
        return np.empty((0, 0), np.float32), np.empty(0, np.int64)
    return np.concatenate(logs), np.concatenate(labels)


@contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    """Put a model into evaluation mode, and each of its parts back into its own afterwards: a frozen one may differ."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


def _metrics(logs: Float32Array, labels: IntArray) -> ClassifierMetrics:
    classes, probabilities = logs.shape[1], np.exp(logs)
    within = per_class_accuracy(logs, labels)
    return ClassifierMetrics(
        num_samples=len(labels),
        top1=class_accuracy(logs, labels),
        top5=class_accuracy(logs, labels, top_k=min(5, classes)),
        macro_accuracy=float(np.nanmean(within)),
        nll=negative_log_likelihood(logs, labels),
        ece=top_label_calibration_error(probabilities, labels),
        gap=ranking_precision(probabilities, labels),
        confusion=confusion_matrix(labels, logs.argmax(1), labels=range(classes)),
    )


def _multilabel_metrics(logits: Float32Array, labels: IntArray) -> ClassifierMetrics:
    nan, loss = float("nan"), 0.0
    for start in range(0, len(logits), _ROWS):  # in float64, which would be large for all rows
        part, target = logits[start : start + _ROWS].astype(np.float64), labels[start : start + _ROWS]
        loss += float((np.logaddexp(0, part) - target * part).sum())
    if not np.isin(labels, (0, 1)).all():
        raise InvalidInputError("labels to measure several labels a sample on must be 0 or 1")
    gap = ranking_precision(logits, labels == 1)
    return ClassifierMetrics(len(labels), nan, nan, nan, loss / len(labels), nan, gap, np.empty((0, 0), np.int64))
