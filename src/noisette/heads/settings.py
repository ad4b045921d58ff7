"""What all heads can be told, checked once."""

from __future__ import annotations

import math
from dataclasses import dataclass

from noisette.errors import InvalidInputError
from noisette.functional.logit_noise import NoiseKind, check_draw

MIN_STD = 1e-3
"""Added to every standard deviation, as published."""


def enough_samples(num_factors: int, least: int) -> int:
    """Give a number of samples, at least `least`, at which matched draws make the covariance of the factors exact."""
    return max(least, (2 * num_factors // 16 + 1) * 16) if isinstance(num_factors, int) else least


@dataclass(frozen=True)
class HeadSettings:
    """Options of a head; see `HeteroscedasticHead`."""

    num_factors: int
    parameter_efficient: bool
    temperature: float | None
    learn_temperature: bool
    temperature_range: tuple[float, float]
    multilabel: bool
    joint_likelihood: bool
    num_train_samples: int
    num_eval_samples: int
    noise: NoiseKind
    noise_per_row: bool

    def check(self, in_features: int, num_classes: int, noise_classes: int) -> None:
        """Check every option.

        Raises:
            InvalidInputError: one is out of its range, or two do not go together.
        """
        for name, value, least in (("in_features", in_features, 1), ("num_classes", num_classes, 1)):
            if not isinstance(value, int) or value < least:
                raise InvalidInputError(f"`{name}` must be a whole number of at least {least}, got {value!r}")
        if num_classes == 1 and not self.multilabel:
            raise InvalidInputError(
                "`num_classes` is 1, whose softmax is always 1; for a yes-or-no label take num_classes=2, or "
                "multilabel=True"
            )
        if self.joint_likelihood and not self.multilabel:
            raise InvalidInputError(
                "`joint_likelihood` is of several labels a row; give multilabel=True, or leave it out"
            )
        self._check_temperature()
        for name in ("num_train_samples", "num_eval_samples"):
            try:
                check_draw(self.noise, getattr(self, name), self.num_factors, noise_classes)
            except InvalidInputError as error:
                message = str(error).replace("`num_samples`", f"`{name}`").replace("kind", "noise")
                raise InvalidInputError(message) from None

    def _check_temperature(self) -> None:
        low, high = self.temperature_range
        if not 0 < low < high < math.inf:
            raise InvalidInputError(f"`temperature_range` must be two numbers 0 < low < high, got {low} and {high}")
        if self.temperature is None:
            return
        if not 0 < self.temperature < math.inf:
            raise InvalidInputError(f"`temperature` must be a number above 0, got {self.temperature}")
        if self.learn_temperature and not low < self.temperature < high:
            raise InvalidInputError(
                f"`temperature` must lie between {low} and {high}, where it is learned, got {self.temperature}; widen "
                "`temperature_range`"
            )
