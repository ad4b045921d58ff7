"""Features of a data set, a stretch of rows at a time, and samples of their noisy logits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from operator import length_hint
from typing import Any

import torch
from torch import Tensor

from noisette.errors import InvalidInputError, ShapeError
from noisette.functional.logit_noise import LogitNoise
from noisette.heads.base import HeteroscedasticBase
from noisette.types import ArrayLike, Progress

Batches = Iterable[ArrayLike | tuple[ArrayLike, ...] | list[ArrayLike]]
"""(B, D) features, or tuples that begin with them, as a DataLoader gives."""

CPU_NUMBERS, GPU_NUMBERS = 1 << 18, 1 << 25
"""Samples (b S K) held at once."""
_FACTOR_NUMBERS = 1 << 25
"""Covariance factors (B K F) held at once."""


def feature_batches(
    head: HeteroscedasticBase, batches: Batches, progress: Progress, what: str
) -> Iterator[tuple[Tensor, tuple[Any, ...]]]:
    """Yield (B, D) features on the head's device, and what came with them.

    Raises:
        ShapeError: a batch has another shape.
        InvalidInputError: a batch holds NaN or infinite numbers, or there is no row at all.
    """
    total = length_hint(batches)
    num_rows = 0
    for done, batch in enumerate(batches, 1):
        values, *others = batch if isinstance(batch, tuple | list) else (batch,)
        x = torch.as_tensor(values).to(head.loc.weight)
        check_features(head, x, f"batch {done - 1} of `batches`")
        num_rows += len(x)
        if len(x):
            yield x, tuple(others)
        progress(what, done, total)
    if num_rows == 0:
        raise InvalidInputError("`batches` holds no row; give features, (B, D) a batch")


def check_features(head: HeteroscedasticBase, x: Tensor, name: str) -> None:
    """Check that features are (B, D) finite numbers.

    Raises:
        ShapeError: they have another shape.
        InvalidInputError: some are not finite.
    """
    if x.ndim != 2 or x.shape[1] != head.in_features:
        raise ShapeError(f"{name} must have shape (B, {head.in_features}), got {tuple(x.shape)}")
    finite = x.isfinite().all(1)
    if not finite.all():
        row = int((~finite).nonzero()[0, 0])
        raise InvalidInputError(f"{name} must be finite, and row {row} is not; leave such rows out")


def few_rows(head: HeteroscedasticBase, x: Tensor) -> tuple[Tensor, ...]:
    """Split rows so that their covariance factors fit into memory."""
    numbers = head.eval_classes.shape[1] * max(1, head.settings.num_factors)
    stretches: tuple[Tensor, ...] = x.split(max(1, _FACTOR_NUMBERS // numbers))
    return stretches


def samples(head: HeteroscedasticBase, x: Tensor) -> Iterator[Tensor]:
    """Yield (b, S, K) logits / temperature of a few rows at a time, at the head's fixed points of evaluation."""
    noise = LogitNoise(head.eval_factors, head.eval_classes)
    numbers = CPU_NUMBERS if x.device.type == "cpu" else GPU_NUMBERS
    at_once = max(1, numbers // (noise.num_samples * max(head.num_classes, noise.classes.shape[1])))
    for rows in few_rows(head, x):
        form = head.noisy_logits(rows)
        form = form.rebuild(*(tensor if tensor.dtype == torch.float64 else tensor.float() for tensor in form.tensors))
        sampler = form.sampler(noise, head.temperature.to(form.tensors[0]).reciprocal())
        for start in range(0, len(rows), at_once):
            yield sampler.draw(start, min(start + at_once, len(rows)))[0]


@contextmanager
def evaluation(head: HeteroscedasticBase) -> Iterator[None]:
    """Evaluate without gradients and in full precision; the head's mode comes back."""
    was_training = head.training
    head.eval()
    try:
        with torch.no_grad(), torch.autocast(head.loc.weight.device.type, enabled=False):
            yield
    finally:
        head.train(was_training)
