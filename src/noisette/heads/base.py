"""What all heteroscedastic heads share: draws, probabilities, the loss, the temperature, the mean covariance."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Literal, Self

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from noisette.errors import InvalidInputError, ShapeError
from noisette.functional.logit_forms import LogitForm
from noisette.functional.logit_noise import LogitNoise, RowNoise, draw_noise, draw_row_noise
from noisette.functional.mean_likelihoods import (
    joint_sigmoid_nll,
    log_mean_softmax,
    mean_sigmoid_logits,
    mean_softmax_nll,
)
from noisette.heads.distribution import LogitDistribution, centered
from noisette.heads.settings import HeadSettings

EVALUATION_SEED = 0
Reduction = Literal["mean", "sum", "none"]


class HeteroscedasticBase(nn.Module, ABC):
    """A last layer with normal noise on its logits; see `HeteroscedasticHead`."""

    loc: nn.Linear
    eval_factors: Tensor
    eval_classes: Tensor
    fixed_temperature: Tensor
    temperature_logit: Tensor

    def __init__(self, in_features: int, num_classes: int, noise_classes: int, settings: HeadSettings) -> None:
        super().__init__()
        settings.check(in_features, num_classes, noise_classes)
        self.in_features, self.num_classes, self.settings = in_features, num_classes, settings
        self._noise_shape = (settings.num_factors, noise_classes)

    @property
    def temperature(self) -> Float[Tensor, ""]:
        """The temperature that logits are divided by: fixed, or learned between the ends of its range."""
        if not self.settings.learn_temperature:
            return self.fixed_temperature
        low, high = self.settings.temperature_range
        return low + (high - low) * self.temperature_logit.float().sigmoid()

    def forward(self, x: Float[Tensor, "*B D"], *, generator: torch.Generator | None = None) -> Float[Tensor, "*B K"]:
        """Give log-probabilities (multi-label: log-odds), averaged over the noise, for any cross-entropy.

        Args:
            x: (..., D) features.
            generator: where the noise of training comes from; None = torch's default, as for dropout. Evaluation uses
                fixed points and draws nothing.

        Returns:
            (..., K) logarithms whose exponentials sum to 1; multi-label: log-odds of each class.

        Raises:
            ShapeError: the last dimension of `x` is not D.
        """
        probabilities = mean_sigmoid_logits if self.settings.multilabel else log_mean_softmax
        form = self.noisy_logits(self._rows(x))
        found = probabilities(form, self._noise(form, generator), temperature=self.temperature)
        return found.unflatten(0, x.shape[:-1]) if x.ndim > 2 else found.reshape(*x.shape[:-1], self.num_classes)

    def nll(
        self,
        x: Float[Tensor, "B D"],
        targets: Int[Tensor, "B"] | Float[Tensor, "B K"],
        reduction: Reduction = "mean",
        sample_weight: Float[Tensor, "B"] | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Float[Tensor, "..."]:
        """Give the negative log-likelihood of labels, the loss to train with; cheaper than a loss on `forward`.

        Args:
            x: (B, D) features.
            targets: (B,) class ids, or (B, K) soft labels; multi-label: (B, K) numbers in [0, 1].
            reduction: "mean": sum(w l) / B, so give weights whose mean over the training set is 1; "sum": sum(w l);
                "none": (B,) w l. The loss of a row with several labels is the sum over its classes.
            sample_weight: (B,) w >= 0; None = all 1.
            generator: as for `forward`.

        Returns:
            A number, or (B,).

        Raises:
            ShapeError: shapes do not fit.
            UnknownClassError: a class id is not in 0..K-1.
            InvalidInputError: an unknown reduction.
        """
        if reduction not in ("mean", "sum", "none"):
            raise InvalidInputError(f"`reduction` must be 'mean', 'sum' or 'none', got {reduction!r}")
        if x.ndim != 2:
            raise ShapeError(f"`x` must have shape (B, {self.in_features}), got {tuple(x.shape)}")
        form = self.noisy_logits(self._rows(x))
        loss = self._row_losses(form, targets, self._noise(form, generator))
        if sample_weight is not None:
            if sample_weight.shape != loss.shape:
                raise ShapeError(
                    f"`sample_weight` must have shape {tuple(loss.shape)}, got {tuple(sample_weight.shape)}"
                )
            loss = loss * sample_weight.to(loss.dtype)
        if reduction == "none":
            return loss
        return loss.sum() / max(1, loss.shape[0]) if reduction == "mean" else loss.sum()

    @abstractmethod
    def noisy_logits(self, x: Float[Tensor, "B D"]) -> LogitForm:
        """Give the distribution of the logits as what the likelihoods of `noisette.functional` sample from."""

    @abstractmethod
    def distribution(self, x: Float[Tensor, "B D"]) -> LogitDistribution:
        """Give the distribution of the logits: (B, K) `loc`, (B, K, F) `cov_factor`, (B, K) `cov_diag`, a variance."""

    @abstractmethod
    def mean_covariance(self, x: Float[Tensor, "B D"]) -> Float[Tensor, "K K"]:
        """Give the (K, K) covariance of the logits, averaged over the batch; neither centred nor divided."""

    def covariance(self, x: Float[Tensor, "B D"]) -> Float[Tensor, "K K"]:
        """Give the (K, K) mean over the batch of the centred covariance, divided by temperature^2.

        Only contrasts between classes can be learned, and only up to the temperature: this is what runs can be compared
        by. High and positive: noise lifts the two classes together, over the others; which classes labels confuse with
        each other is rather said by `label_disagreement`. With `multilabel` it is not centred: there each class has a
        probability of its own.

        Args:
            x: (B, D) features, at least one row.

        Raises:
            ShapeError: `x` has the wrong shape, or no row.
        """
        if len(x) == 0:
            raise ShapeError("`x` has no row; the mean covariance needs at least one")
        covariance = self.mean_covariance(self._rows(x))
        return (covariance if self.settings.multilabel else centered(covariance)) / self.temperature.square()

    @abstractmethod
    def load_linear(self, linear: nn.Linear) -> None:
        """Start from a trained linear layer: the same argmax, and noise that is small, yet not stuck at 0."""

    def reset_evaluation_points(self) -> None:
        """Make the fixed points of evaluation anew; `to_empty` and a cast to few digits do so by themselves."""
        noise = draw_noise(
            self.settings.num_eval_samples,
            *self._noise_shape,
            kind=self.settings.noise,
            generator=torch.Generator().manual_seed(EVALUATION_SEED),
        )
        device = self.loc.weight.device
        self.register_buffer("eval_factors", noise.factors.to(device), persistent=False)
        self.register_buffer("eval_classes", noise.classes.to(device), persistent=False)

    def extra_repr(self) -> str:
        """Say what was chosen."""
        settings = self.settings
        return (
            f"in_features={self.in_features}, num_classes={self.num_classes}, num_factors={settings.num_factors}, "
            f"parameter_efficient={settings.parameter_efficient}, multilabel={settings.multilabel}, "
            f"learn_temperature={settings.learn_temperature}, samples={settings.num_train_samples}/"
            f"{settings.num_eval_samples} ({settings.noise})"
        )

    def _apply(self, fn: Callable[..., Tensor], recurse: bool = True) -> Self:
        """Move and cast as any module, but keep the fixed points: in float32 at least, and not empty."""
        was_meta = self.eval_classes.is_meta
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        points = self.eval_classes
        if (was_meta and not points.is_meta) or points.dtype in (torch.float16, torch.bfloat16):
            self.reset_evaluation_points()
        return self

    def _start_temperature(self) -> None:
        settings, device = self.settings, self.loc.weight.device
        low, high = settings.temperature_range
        if settings.learn_temperature:
            share = 0.5 if settings.temperature is None else (float(settings.temperature) - low) / (high - low)
            self.temperature_logit = nn.Parameter(torch.tensor(share, device=device).logit())
        else:
            self.register_buffer("fixed_temperature", torch.tensor(float(settings.temperature or 1.0), device=device))

    def _rows(self, x: Tensor) -> Tensor:
        if x.ndim < 1 or x.shape[-1] != self.in_features:
            raise ShapeError(
                f"`x` must have shape (..., {self.in_features}), got {tuple(x.shape)}; is this the head of another "
                "backbone?"
            )
        return x.reshape(-1, self.in_features)

    def _noise(self, form: LogitForm, generator: torch.Generator | None) -> LogitNoise | RowNoise:
        if not self.training:
            return LogitNoise(self.eval_factors, self.eval_classes)
        like = form.tensors[0]
        draw = draw_row_noise if self.settings.noise_per_row else draw_noise
        dtype = torch.float64 if like.dtype == torch.float64 else torch.float32
        samples, kind = self.settings.num_train_samples, self.settings.noise
        return draw(samples, *self._noise_shape, kind=kind, generator=generator, device=like.device, dtype=dtype)

    def _row_losses(self, form: LogitForm, targets: Tensor, noise: LogitNoise | RowNoise) -> Tensor:
        if not self.settings.multilabel:
            return mean_softmax_nll(form, noise, targets, temperature=self.temperature)
        if self.settings.joint_likelihood:
            return joint_sigmoid_nll(form, noise, targets, temperature=self.temperature)
        log_odds = mean_sigmoid_logits(form, noise, temperature=self.temperature)
        if targets.shape != log_odds.shape:
            raise ShapeError(f"`targets` must have shape {tuple(log_odds.shape)}, got {tuple(targets.shape)}")
        return binary_cross_entropy_with_logits(log_odds, targets.to(log_odds), reduction="none").sum(1)
