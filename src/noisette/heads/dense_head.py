"""Heteroscedastic heads with noise on the logits: full, parameter-efficient, diagonal."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from noisette.functional.logit_forms import LowRankLogits, ScaledLowRankLogits
from noisette.functional.logit_noise import NoiseKind
from noisette.heads.base import HeteroscedasticBase
from noisette.heads.distribution import LogitDistribution, at_least_float32
from noisette.heads.factors import NoiseLayers
from noisette.heads.initialization import WARM_FACTOR, WARM_STD, copy_linear
from noisette.heads.settings import HeadSettings, enough_samples


class HeteroscedasticHead(HeteroscedasticBase):
    """A drop-in last layer whose logits carry normal noise of a learned, input-dependent covariance (CVPR 2021).

    ``u(x) = loc(x) + V(x) e_F + d(x) * e_K``; ``p(x) = E softmax(u / temperature)``. The noise says which classes a
    row's label may be mistaken for, so wrong labels pull less on the mean.

    Args:
        in_features: D.
        num_classes: K; 2 or more, or 1 or more with `multilabel`.
        num_factors: F, the rank of what classes share; 0: the diagonal form (arXiv 2003.06778).
        parameter_efficient: ``V(x) = diag(v(x)) V`` in place of a layer of K F outputs; for many classes.
        temperature: > 0, what logits are divided by; None = 1.0, or the middle of its range where it is learned. Small:
            near the argmax of the noisy logits; large: smoother, with gradients that vary less.
        learn_temperature: learn it between the ends of `temperature_range` (ICLR 2023, section 4.3).
        temperature_range: (low, high) of a learned temperature.
        multilabel: several labels a row, sigmoid in place of softmax.
        joint_likelihood: of a multi-label `nll`: the likelihood of all labels of a row at once, from which correlations
            are learned; False: the published sum over classes, which sees each class alone.
        num_train_samples: S in training, even for draws that come in pairs. None = 64, or the next multiple of 16 above
            2 F, where matched draws err as 1,000 plain ones do.
        num_eval_samples: S in evaluation; None = 128, or the next multiple of 16 above 2 F.
        noise: how draws are made: "matched" | "antithetic" | "sobol" | "monte_carlo", see `functional.draw_noise`.
        noise_per_row: draw for each row of a batch anew, in place of sharing the draws of a batch.
        device: of the parameters.
        dtype: of the parameters; likelihoods are computed in float32 at least.

    Raises:
        InvalidInputError: an argument is out of its range.

    Example:
        >>> head = HeteroscedasticHead(8, 3, num_factors=2).eval()
        >>> log_probabilities = head(torch.zeros(5, 8))
        >>> log_probabilities.shape, bool((log_probabilities.exp().sum(1) - 1).abs().max() < 1e-5)
        (torch.Size([5, 3]), True)
    """

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        *,
        num_factors: int = 15,
        parameter_efficient: bool = False,
        temperature: float | None = None,
        learn_temperature: bool = False,
        temperature_range: tuple[float, float] = (0.3, 3.0),
        multilabel: bool = False,
        joint_likelihood: bool = False,
        num_train_samples: int | None = None,
        num_eval_samples: int | None = None,
        noise: NoiseKind = "matched",
        noise_per_row: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        if num_train_samples is None:
            num_train_samples = enough_samples(num_factors, 64)
        if num_eval_samples is None:
            num_eval_samples = enough_samples(num_factors, 128)
        settings = HeadSettings(
            num_factors, parameter_efficient, temperature, learn_temperature, temperature_range, multilabel,
            joint_likelihood, num_train_samples, num_eval_samples, noise, noise_per_row,
        )  # fmt: skip
        super().__init__(in_features, num_classes, num_classes, settings)
        self.loc = nn.Linear(in_features, num_classes, device=device, dtype=dtype)
        self.spread = NoiseLayers(
            in_features, num_classes, num_factors, parameter_efficient, device=device, dtype=dtype
        )
        self._start_temperature()
        self.reset_evaluation_points()

    def noisy_logits(self, x: Float[Tensor, "B D"]) -> LowRankLogits | ScaledLowRankLogits:
        """Give the noisy logits that the likelihoods of `noisette.functional` take."""
        return self.spread.noisy(self.loc(x), x)

    def distribution(self, x: Float[Tensor, "B D"]) -> LogitDistribution:
        """Give the distribution of the logits; `cov_diag` is a variance."""
        x = self._rows(x)
        loc, cov_factor = at_least_float32(self.loc(x)), at_least_float32(self.spread.cov_factor_of(x))
        return LogitDistribution(loc, cov_factor, self.spread.std_of(x).square())

    def mean_covariance(self, x: Float[Tensor, "B D"]) -> Float[Tensor, "K K"]:
        """Give the (K, K) covariance of the logits, averaged over the batch; neither centred nor divided."""
        return self.spread.mean_covariance(x)

    def load_linear(self, linear: nn.Linear) -> None:
        """Start from a trained linear layer: its argmax, and noise that is small, yet not stuck at 0.

        Raises:
            InvalidInputError: `linear` is no `torch.nn.Linear`.
            ShapeError: its sizes differ.
        """
        copy_linear(linear, self.loc)
        self.spread.start_small(WARM_STD, WARM_FACTOR)
