"""Evidence of an out-of-sample classifier: how likely is the class, on its own and against its best rival?

Probabilities are compared with the class's mean probability (logit adjustment, Menon et al., 2021): else a class whose
label many samples carry wrongly would draw samples to itself.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from noisette.types import Float64Array, IntArray
from noisette.verifier.baselines.filtering import margins
from noisette.verifier.evidence.noise_channel import channel_ratios

LEAST_LOG, MAX_RATIO, MAX_CHANNEL_RATIO = -12.0, 12.0, 8.0


def classifier_evidence(logs: Float64Array, prior: Float64Array) -> list[Float64Array]:
    """Give log-probabilities and adjusted margins of every class, (B, K) each.

    Args:
        logs: (B, K) log-probabilities.
        prior: (K,) log of each class's mean probability.
    """
    return [np.maximum(logs, LEAST_LOG), adjusted_margins(logs, prior)]


def adjusted_margins(logs: Float64Array, prior: Float64Array) -> Float64Array:
    """Log of p / its mean over that of the best other class, (B, K) in [-12, 12]; 12 for a class without rivals."""
    if logs.shape[1] == 1:
        return np.full_like(logs, MAX_RATIO)
    return np.clip(margins(logs - prior), -MAX_RATIO, MAX_RATIO)


def channel_evidence(logs: Float64Array, labels: IntArray, channel: Float64Array) -> Float64Array:
    """Log-odds of given labels (B,) behind the noise channel, in [-8, 8]."""
    return np.clip(channel_ratios(logs, labels, channel), -MAX_CHANNEL_RATIO, MAX_CHANNEL_RATIO)


def log_prior(logs: Iterable[Float64Array]) -> Float64Array:
    """Log of the mean probability of each class over a sample of rows, (K,); logs are (B, K) blocks of them."""
    sums, rows = None, 0
    for block in logs:
        part = np.exp(block).sum(axis=0)
        sums, rows = part if sums is None else sums + part, rows + len(block)
    assert sums is not None
    prior: Float64Array = np.log(np.maximum(sums / max(rows, 1), 1e-6))
    return prior
