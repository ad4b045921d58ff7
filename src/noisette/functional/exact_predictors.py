"""Probabilities of noisy logits u ~ N(loc, V V^T + diag(d^2)) that need no samples, where such exist.

For tests, for evaluation and for judging a sampled likelihood. All of it is computed in float64 and given back in the
dtype of `loc`. Here `std` is d, a standard deviation; `variance` is a variance.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from noisette.errors import InvalidInputError, ShapeError
from noisette.functional.argmax_quadrature import MAX_FACTORS, integrate_argmax, normal_cdf, rotated_contrasts

_CHUNK = 1 << 14
# Two trapezoid rules, whose error falls exponentially with the number of points. Over z of u = loc + std z, for std up
# to 2: steps of 1/4 from -8.75 to 10.75. And over logistic l, for std above 2: l = 4 sinh(t), from -75 to 40.
_Z = 0.25 * torch.arange(-35, 44, dtype=torch.float64)
_Z_WEIGHTS = 0.25 * torch.exp(-0.5 * _Z**2) / math.sqrt(2 * math.pi)
_T = torch.linspace(-math.asinh(75 / 4), math.asinh(40 / 4), 64, dtype=torch.float64)
_L = 4 * torch.sinh(_T)
_L_WEIGHTS = (_T[1] - _T[0]) * 4 * torch.cosh(_T) * torch.sigmoid(_L) * torch.sigmoid(-_L)


def binary_probit(loc: Float[Tensor, "..."], std: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """Give P(u > 0) = Phi(loc / std) of u ~ N(loc, std^2): two classes at temperature 0. Differentiable.

    Args:
        loc: means, any shape.
        std: standard deviations > 0, of a shape that broadcasts with `loc`.

    Returns:
        Probabilities in [0, 1]; P(u < 0), just as precise, is `binary_probit(-loc, std)`.

    Raises:
        InvalidInputError: a `std` is not above 0.

    Example:
        >>> binary_probit(torch.tensor([0.5, 0.0]), torch.tensor(1.0))
        tensor([0.6915, 0.5000])
    """
    _check_std(std)
    return normal_cdf(loc.double() / std.double()).to(loc.dtype)


def two_class_probit(
    loc: Float[Tensor, "..."], cov_factor: Float[Tensor, "..."], std: Float[Tensor, "..."]
) -> Float[Tensor, "B 2"]:
    """Give P(argmax u = c) of two classes, by the normal difference of their logits. Differentiable.

    Args:
        loc: (B, 2) means.
        cov_factor: (B, 2, F) V; any F, also 0.
        std: (B, 2) d > 0, standard deviations.

    Returns:
        (B, 2) probabilities; each of the two is precise, however small.

    Raises:
        ShapeError: shapes other than these.
        InvalidInputError: a `std` is not above 0.

    Example:
        >>> two_class_probit(torch.tensor([[0.0, 1.0]]), torch.ones(1, 2, 3), torch.full((1, 2), 0.5))
        tensor([[0.0786, 0.9214]])
    """
    _check_shapes(loc, cov_factor, std)
    if loc.shape[1] != 2:
        raise ShapeError(f"`loc` must have shape (B, 2), got {tuple(loc.shape)}; more classes: argmax_probabilities")
    _check_std(std)
    shared = cov_factor[:, 1].double() - cov_factor[:, 0].double()
    spread = (shared.square().sum(-1) + std.double().square().sum(-1)).sqrt()
    ahead = (loc[:, 1].double() - loc[:, 0].double()) / spread
    return normal_cdf(torch.stack([-ahead, ahead], dim=-1)).to(loc.dtype)


def argmax_probabilities(
    loc: Float[Tensor, "..."], cov_factor: Float[Tensor, "..."], std: Float[Tensor, "..."]
) -> Float[Tensor, "B K"]:
    """Give P(argmax u = c), which the mean softmax tends to as its temperature falls to 0. Not differentiable.

    Given the factors f the classes are independent, so that

        p_c = E_f INT phi((x - m_c(f)) / d_c) / d_c  PROD_{j != c} Phi((x - m_j(f)) / d_j) dx,   m(f) = loc + V f.

    Both integrals are trapezoid sums whose steps are halved until they agree with sums of every second point; the work
    grows with (|V| / d)^F.

    Args:
        loc: (B, K) means.
        cov_factor: (B, K, F) V, with at most 3 factors (any number of them for at most 4 classes).
        std: (B, K) d > 0, standard deviations.

    Returns:
        (B, K) probabilities, with an absolute error below 1e-7.

    Raises:
        ShapeError: shapes other than these, or too many factors.
        InvalidInputError: a `std` is not above 0, numbers that are not finite, or `cov_factor` so large beside `std`
            that the integral takes too many points.

    Example:
        >>> argmax_probabilities(torch.tensor([[1.0, 0.0, 0.0]]), torch.zeros(1, 3, 0), torch.ones(1, 3))
        tensor([[0.6337, 0.1831, 0.1831]])
    """
    _check_shapes(loc, cov_factor, std)
    _check_std(std)
    if not (torch.isfinite(loc).all() and torch.isfinite(cov_factor).all() and torch.isfinite(std).all()):
        raise InvalidInputError("`loc`, `cov_factor` and `std` must be finite; leave other rows out")
    classes, factors = cov_factor.shape[1:]
    if min(factors, classes - 1) > MAX_FACTORS:
        raise ShapeError(
            f"`cov_factor` must have shape (B, K, F) with F <= {MAX_FACTORS} for {classes} classes, got F = {factors}; "
            "estimate such probabilities by samples"
        )
    with torch.no_grad():
        contrasts = rotated_contrasts(cov_factor.double(), std.double())
        return integrate_argmax(loc.double(), contrasts, std.double()).to(loc.dtype)


def mean_sigmoid(
    loc: Float[Tensor, "..."], variance: Float[Tensor, "..."], temperature: float | Float[Tensor, ""] = 1.0
) -> Float[Tensor, "..."]:
    """Give E sigmoid(u / temperature) of u ~ N(loc, variance): a multi-label class, whatever the others do.

    Differentiable once, in all three arguments.

    Args:
        loc: means, any shape.
        variance: variances >= 0 (not standard deviations), of a shape that broadcasts with `loc`.
        temperature: above 0.

    Returns:
        Probabilities in [0, 1], with a relative error below 1e-12 down to 1e-300 (in float64), for any ratio of noise
        to temperature. 1 - p is `mean_sigmoid(-loc, ...)`: the logs of the two are precise where p is next to 0 or 1.

    Raises:
        InvalidInputError: a variance is below 0 or not finite, or `temperature` is not above 0.

    Example:
        >>> mean_sigmoid(torch.tensor([0.5, 0.5]), torch.tensor([1.0, 0.0]))
        tensor([0.6020, 0.6225])
    """
    if not bool(((variance >= 0) & torch.isfinite(variance)).all()):
        raise InvalidInputError("`variance` must be finite and at least 0 everywhere; take the square of a deviation")
    if not temperature > 0:
        raise InvalidInputError(f"`temperature` must be above 0, got {float(temperature)}; for 0 use binary_probit")
    ratio = variance.double() / temperature**2
    scaled, ratio = torch.broadcast_tensors(loc.double() / temperature, ratio)
    mean: Tensor = _MeanSigmoid.apply(scaled, ratio)[0]  # type: ignore[no-untyped-call]  # torch leaves `apply` bare
    return mean.to(loc.dtype)


class _MeanSigmoid(torch.autograd.Function):
    """E sigmoid(a + sqrt(v) z) with its slopes: the heat equation gives dp/dv = p'' / 2, finite at v = 0, too."""

    @staticmethod
    def forward(a: Tensor, v: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        pieces = zip(a.reshape(-1).split(_CHUNK), v.reshape(-1).split(_CHUNK), strict=True)
        joined = torch.cat([_with_slopes(*piece) for piece in pieces], dim=1).reshape(3, *a.shape)
        return joined[0], joined[1], 0.5 * joined[2]

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: tuple[Tensor, Tensor, Tensor]) -> None:
        del inputs
        ctx.mark_non_differentiable(*output[1:])
        ctx.save_for_backward(*output[1:])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor]:
        in_a, in_v = ctx.saved_tensors
        return grads[0] * in_a, grads[0] * in_v


def _with_slopes(a: Float[Tensor, "n"], v: Float[Tensor, "n"]) -> Float[Tensor, "3 n"]:
    """Give p(a) = E sigmoid(a + sqrt(v) z), p'(a) and p''(a)."""
    out = a.new_empty(3, a.numel())
    wide = v > 4
    out[:, ~wide] = _of_narrow_noise(a[~wide], v[~wide])
    out[:, wide] = _of_wide_noise(a[wide], v[wide])
    return out


def _of_narrow_noise(a: Float[Tensor, "n"], v: Float[Tensor, "n"]) -> Float[Tensor, "3 n"]:
    """Sum over z: the poles of the sigmoid are at least pi / 2 from the real line, the error is below 1e-14."""
    s = torch.sigmoid(a[:, None] + v.sqrt()[:, None] * _Z.to(a.device))
    slope = s * (1 - s)
    return torch.stack([s, slope, slope * (1 - 2 * s)]) @ _Z_WEIGHTS.to(a.device)


def _of_wide_noise(a: Float[Tensor, "n"], v: Float[Tensor, "n"]) -> Float[Tensor, "3 n"]:
    """Use p(a) = 1 - p(-a), and e^u sigmoid(-u) = sigmoid(u) in the tail, to sum where the integrand is broad."""
    sign = torch.where(a > 0, -1.0, 1.0).double()
    low = sign * a
    tail = low < -0.5 * v
    p, first, second = _over_logistic(torch.where(tail, -low - v, low), v)
    scale = torch.where(tail, torch.exp(low + 0.5 * v), 1.0)
    second = scale * torch.where(tail, p - 2 * first + second, second)
    first = scale * torch.where(tail, p - first, first)
    p = scale * p
    return torch.stack([torch.where(a > 0, 1 - p, p), first, sign * second])


def _over_logistic(a: Float[Tensor, "n"], v: Float[Tensor, "n"]) -> tuple[Tensor, Tensor, Tensor]:
    """Sum Phi((a - l) / sqrt(v)) and its slopes over logistic l; all terms of p and p' are positive."""
    b = v.sqrt()[:, None]
    x = (a[:, None] - _L.to(a.device)) / b
    weights = _L_WEIGHTS.to(a.device)
    density = torch.exp(-0.5 * x**2) / (math.sqrt(2 * math.pi) * b)
    return normal_cdf(x) @ weights, density @ weights, (-x * density / b) @ weights


def _check_std(std: Tensor) -> None:
    if not bool((std > 0).all()):
        raise InvalidInputError(f"`std` must be above 0 everywhere, got {float(std.min())}; it is a standard deviation")


def _check_shapes(loc: Tensor, cov_factor: Tensor, std: Tensor) -> None:
    if loc.ndim != 2:
        raise ShapeError(f"`loc` must have shape (B, K), got {tuple(loc.shape)}")
    if cov_factor.ndim != 3 or cov_factor.shape[:2] != loc.shape:
        wanted = f"({loc.shape[0]}, {loc.shape[1]}, F)"
        raise ShapeError(f"`cov_factor` must have shape {wanted}, got {tuple(cov_factor.shape)}; F = 0 for no factors")
    if std.shape != loc.shape:
        raise ShapeError(f"`std` must have shape {tuple(loc.shape)}, got {tuple(std.shape)}")
