"""What a classifier with a heteroscedastic head says of its classes: read out after training, kept for the report."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Subset

from noisette.heads import average_covariance, label_disagreement
from noisette.heads.base import HeteroscedasticBase
from noisette.report import ClassConfusions, class_confusions
from noisette.training.randomness import own_randomness, seed_everything

MOST_ROWS, MOST_CLASSES = 5000, 1000
"""Samples that are looked at, and classes up to which all pairs are: a sample costs K^2 products a draw."""


def read_out(
    model: nn.Module, data: Any, class_names: tuple[str, ...], *, device: str, batch_size: int = 256
) -> ClassConfusions | None:
    """Read a trained classifier's head out on a data set, thinned evenly; None where its last layer is a plain one.

    Args:
        model: the classifier.
        data: map-style, of (x, ...).
        class_names: K names.
        device: where the classifier is.
        batch_size: samples at once.
    """
    head = next((part for part in model.modules() if isinstance(part, HeteroscedasticBase)), None)
    if head is None or len(data) == 0:
        return None
    rows = np.unique(np.linspace(0, len(data) - 1, MOST_ROWS).astype(np.int64))
    features = list(_inputs(model, head, Subset(data, rows.tolist()), device, batch_size))
    covariance = average_covariance(head, features)
    if len(class_names) > MOST_CLASSES:
        return class_confusions(covariance, class_names)
    found = label_disagreement(head, features)
    return class_confusions(covariance, class_names, disagreement=found.total, label_noise=found.label_noise)


@torch.inference_mode()
def _inputs(model: nn.Module, head: HeteroscedasticBase, data: Any, device: str, batch_size: int) -> Iterator[Tensor]:
    """Yield what goes into the head, batch by batch."""
    seen: list[Tensor] = []
    handle = head.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].detach().clone()))
    was_training = model.training
    model.eval()
    try:
        with own_randomness():
            seed_everything(0)  # augmentations of a training set
            for images, *_ in DataLoader(data, batch_size=batch_size):
                model(images.to(device))
                yield seen.pop()
    finally:
        handle.remove()
        model.train(was_training)
