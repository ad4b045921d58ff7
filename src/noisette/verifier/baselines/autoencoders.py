"""One small auto-encoder a class, all classes of a block trained at once by batched matrix products."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from noisette.verifier.baselines.error_split import split_errors, variance_ratio


class AutoEncoders(NamedTuple):
    """Parameters of C auto-encoders with H hidden units: reconstruction = tanh((x - center) W1 + b1) W2 + b2."""

    center: Float[Tensor, "C D"]
    encoder: Float[Tensor, "C D H"]
    encoder_bias: Float[Tensor, "C H"]
    decoder: Float[Tensor, "C H D"]
    decoder_bias: Float[Tensor, "C D"]

    def errors(self, inputs: Float[Tensor, "C n D"]) -> Float[Tensor, "C n"]:
        """Mean squared reconstruction error of each input by its class's auto-encoder."""
        centered = inputs - self.center[:, None]
        hidden = torch.tanh(torch.baddbmm(self.encoder_bias[:, None], centered, self.encoder))
        reconstruction = torch.baddbmm(self.decoder_bias[:, None], hidden, self.decoder)
        return (inputs - reconstruction).square().mean(dim=2)


def train_autoencoders(
    inputs: Float[Tensor, "C n D"],
    valid: Bool[Tensor, "C n"],
    *,
    hidden_units: int,
    num_epochs: int,
    split_weight: float,
    learning_rate: float,
    generator: torch.Generator,
) -> tuple[AutoEncoders, Float[Tensor, "C"]]:
    """Train on the inputs that are reconstructed well, which are chosen anew in each epoch.

    The loss of a class is the mean error of its low group + `split_weight` h, see `split_errors`: inliers alone are
    learned, and the two groups are pulled apart. Every epoch is one step on all inputs.

    Args:
        inputs: (C, n, D) samples of C classes, padded with any finite numbers.
        valid: (C, n) False for padding; every class has at least one sample.
        hidden_units: H.
        num_epochs: number of steps of Adam.
        split_weight: weight of h, >= 0.
        learning_rate: of Adam.
        generator: draws the first weights.

    Returns:
        The auto-encoders and the (C,) thresholds of their last split.
    """
    models = _initial(inputs, valid, hidden_units, generator)
    trained = [parameter.requires_grad_() for parameter in models[1:]]
    optimizer = torch.optim.Adam(trained, lr=learning_rate)
    for _ in range(num_epochs):
        errors = models.errors(inputs)
        low, _ = split_errors(errors.detach(), valid)
        inlier_error = (errors * low).sum(dim=1) / low.sum(dim=1)
        loss = (inlier_error + split_weight * variance_ratio(errors, low, valid)).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    models = AutoEncoders(*(parameter.detach() for parameter in models))
    return models, split_errors(models.errors(inputs), valid)[1]


def _initial(inputs: Tensor, valid: Tensor, hidden_units: int, generator: torch.Generator) -> AutoEncoders:
    """Start from the class mean as reconstruction, with Xavier-uniform weights."""
    num_classes, _, num_features = inputs.shape
    weight = valid.to(inputs.dtype)[:, :, None]
    center = (inputs * weight).sum(dim=1) / weight.sum(dim=1)
    bound = (6.0 / (num_features + hidden_units)) ** 0.5
    shapes = (num_classes, num_features, hidden_units), (num_classes, hidden_units, num_features)
    encoder, decoder = ((torch.rand(shape, generator=generator) * 2 - 1) * bound for shape in shapes)
    return AutoEncoders(center, encoder, torch.zeros(num_classes, hidden_units), decoder, center.clone())
