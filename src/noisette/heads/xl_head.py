"""HET-XL: noise in feature space, for so many classes that a covariance over them is too large."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from noisette.functional.logit_forms import FeatureLogits
from noisette.functional.logit_noise import NoiseKind
from noisette.heads.base import HeteroscedasticBase
from noisette.heads.distribution import LogitDistribution, at_least_float32
from noisette.heads.factors import NoiseLayers
from noisette.heads.initialization import WARM_XL, copy_linear
from noisette.heads.settings import HeadSettings


class HeteroscedasticXLHead(HeteroscedasticBase):
    """A drop-in last layer with normal noise on its *features*: ``u = W (x + noise(x)) + b`` (HET-XL, ICLR 2023).

    The noise has D dimensions instead of K, so the layers of the covariance do not grow with the classes; the
    covariance of the logits is ``W covariance W^T``. The temperature is learned. It pays where K is much larger than D;
    each sample costs a product with W, so fewer are drawn.

    Args:
        in_features: D.
        num_classes: K; 2 or more, or 1 or more with `multilabel`.
        num_factors: F, the rank of what features share; 0: diagonal.
        parameter_efficient: ``V(x) = diag(v(x)) V``; False: a layer of D F outputs.
        temperature: where a learned temperature starts, or the fixed one; None = the middle of the range, or 1.0.
        learn_temperature: learn it between the ends of `temperature_range`.
        temperature_range: (low, high); published: (0.05, 5.0) for millions of images.
        multilabel: as for `HeteroscedasticHead`, as are all that follow.
        joint_likelihood: likelihood of all labels of a row at once.
        num_train_samples: S in training; the draws of up to 15 factors are then whitened, see `functional.draw_noise`.
        num_eval_samples: S in evaluation.
        noise: how draws are made.
        noise_per_row: draw for each row anew.
        device: of the parameters.
        dtype: of the parameters.

    Raises:
        InvalidInputError: an argument is out of its range.

    Example:
        >>> head = HeteroscedasticXLHead(8, 100, num_factors=2).eval()
        >>> head(torch.zeros(5, 8)).shape
        torch.Size([5, 100])
    """

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        *,
        num_factors: int = 15,
        parameter_efficient: bool = True,
        temperature: float | None = None,
        learn_temperature: bool = True,
        temperature_range: tuple[float, float] = (0.3, 3.0),
        multilabel: bool = False,
        joint_likelihood: bool = False,
        num_train_samples: int = 32,
        num_eval_samples: int = 64,
        noise: NoiseKind = "matched",
        noise_per_row: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        settings = HeadSettings(
            num_factors, parameter_efficient, temperature, learn_temperature, temperature_range, multilabel,
            joint_likelihood, num_train_samples, num_eval_samples, noise, noise_per_row,
        )  # fmt: skip
        super().__init__(in_features, num_classes, in_features, settings)
        self.loc = nn.Linear(in_features, num_classes, device=device, dtype=dtype)
        self.spread = NoiseLayers(
            in_features, in_features, num_factors, parameter_efficient, device=device, dtype=dtype
        )
        self._start_temperature()
        self.reset_evaluation_points()

    def noisy_logits(self, x: Float[Tensor, "B D"]) -> FeatureLogits:
        """Give the noisy logits that the likelihoods of `noisette.functional` take."""
        return FeatureLogits(self.spread.noisy(x, x), self.loc.weight, self.loc.bias)

    def distribution(self, x: Float[Tensor, "B D"]) -> LogitDistribution:
        """Give the distribution of the logits: `cov_factor` (B, K, F + D) = [W V, W diag(d)], `cov_diag` 0."""
        x = self._rows(x)
        loc, weight = at_least_float32(self.loc(x)), at_least_float32(self.loc.weight)
        factors, of_features = self.spread.cov_factor_of(x).to(weight), weight * self.spread.std_of(x)[:, None]
        with torch.autocast(x.device.type, enabled=False):
            return LogitDistribution(loc, torch.cat([weight @ factors, of_features], dim=2), torch.zeros_like(loc))

    def mean_covariance(self, x: Float[Tensor, "B D"]) -> Float[Tensor, "K K"]:
        """Give the (K, K) covariance of the logits, averaged over the batch; neither centred nor divided."""
        covariance = self.spread.mean_covariance(x)
        weight = self.loc.weight.to(covariance)
        with torch.autocast(x.device.type, enabled=False):
            return weight @ covariance @ weight.mT

    def load_linear(self, linear: nn.Linear) -> None:
        """Start from a trained linear layer: its argmax, and noise that is small, yet not stuck at 0.

        Raises:
            InvalidInputError: `linear` is no `torch.nn.Linear`.
            ShapeError: its sizes differ.
        """
        copy_linear(linear, self.loc)
        norm = float(self.loc.weight.detach().float().square().sum(1).mean().sqrt())
        small = WARM_XL / max(norm, 1e-6)
        self.spread.start_small(small, small)
