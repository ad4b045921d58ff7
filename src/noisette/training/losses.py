"""The loss of a batch: cross-entropy with weights, smoothing and mixed pictures; one label a picture, or several."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from noisette.training.weighted_loss import weighted_mean


def batch_loss(
    outputs: Tensor, labels: Tensor, weights: Tensor, *, label_smoothing: float = 0.0, multilabel: bool = False
) -> Tensor:
    """Give sum(w l) / B of logits (or log-probabilities, which a heteroscedastic head gives).

    Args:
        outputs: (B, K).
        labels: (B,) class ids, or (B, K) probabilities; multi-label: (B, K) in [0, 1].
        weights: (B,) >= 0.
        label_smoothing: in [0, 1).
        multilabel: the loss of a sample is then the mean over classes of the binary cross-entropy.
    """
    outputs = outputs if outputs.dtype == torch.float64 else outputs.float()
    if multilabel:
        smooth = labels.float() * (1 - label_smoothing) + 0.5 * label_smoothing
        losses = binary_cross_entropy_with_logits(outputs, smooth, reduction="none").mean(1)
    else:
        losses = cross_entropy(outputs, labels, reduction="none", label_smoothing=label_smoothing)
    return weighted_mean(losses, weights)


def mixed(images: Tensor, alpha: float) -> tuple[Tensor, Tensor, float]:
    """Mix each picture with another one of the batch (mixup, Zhang et al., 2018).

    Returns:
        images; (B,) the partner of each; the share in [0, 1] that a picture keeps, and its label with it.
    """
    share = torch.distributions.Beta(alpha, alpha).sample().item()
    partner = torch.randperm(len(images), device=images.device)
    return share * images + (1 - share) * images[partner], partner, share
