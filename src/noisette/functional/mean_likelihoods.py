"""Likelihoods of noisy logits: the log of the mean over samples, with a backward pass that needs no (B, S, K) memory.

``u = loc + noise``, ``p = mean over samples of softmax(u / temperature)`` (CVPR 2021, section 3); the loss is the log
of that mean, not the mean of logs. Rows are taken a few at a time, and their samples are made anew on the way back:
training keeps (B, S) numbers beside the inputs and their gradients, and the draws, S (F + K) numbers.

All take a form of the logits (`LowRankLogits`, `ScaledLowRankLogits`, `FeatureLogits`) and draws (`draw_noise`,
`draw_row_noise`), and compute in float32 at least, also within autocast. They can be differentiated once, not twice.
They take part in `torch.compile` and in `torch.func`: `grad`, and `vmap` as a loop over its examples.

For evaluation, one fixed set of 128 draws errs by .0005 to .0026 (root mean square of p; see `logit_noise`).
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from noisette.errors import InvalidInputError, ShapeError, UnknownClassError
from noisette.functional.likelihood_rules import (
    CategoricalNLL,
    JointBernoulliNLL,
    LogMeanSoftmax,
    MeanSigmoidLogit,
    Rule,
    is_exporting,
)
from noisette.functional.logit_forms import LogitForm, Rebuild
from noisette.functional.logit_noise import LogitNoise, RowNoise

CPU_NUMBERS, GPU_NUMBERS = 1 << 18, 1 << 25
"""Samples (b S K) made at once: a core's cache, or 128 MB of a GPU's memory."""

Temperature = float | Float[Tensor, ""]


def log_mean_softmax(
    logits: LogitForm, noise: LogitNoise | RowNoise, *, temperature: Temperature = 1.0
) -> Float[Tensor, "B K"]:
    """Give (B, K) log-probabilities, ``log mean_s softmax(u_s / temperature)``; each row's exponentials sum to 1.

    Args:
        logits: the distribution of the logits.
        noise: draws that fit it: F factors and K classes (`FeatureLogits`: D features).
        temperature: > 0; a tensor gets a gradient, and is not looked at (a GPU would have to wait).

    Raises:
        ShapeError: the draws do not fit the logits.
        InvalidInputError: the temperature is not above 0.
    """
    return _apply(LogMeanSoftmax, logits, noise, None, temperature)


def mean_softmax_nll(
    logits: LogitForm,
    noise: LogitNoise | RowNoise,
    targets: Shaped[Tensor, "..."],
    *,
    temperature: Temperature = 1.0,
) -> Float[Tensor, "B"]:
    """Give (B,) negative log-likelihoods of labels, ``-log mean_s softmax(u_s / temperature)_target``, >= 0.

    Args:
        logits: the distribution of the logits.
        noise: as `log_mean_softmax`.
        targets: (B,) class ids, or (B, K) soft labels: then ``-sum_c targets_c log p_c``.
        temperature: > 0; a tensor gets a gradient, and is not looked at (a GPU would have to wait).

    Raises:
        ShapeError: the draws or the targets do not fit the logits.
        UnknownClassError: a class id is not in 0..K-1.
        InvalidInputError: the temperature is not above 0, or class ids are not whole numbers.
    """
    if targets.ndim == 1:
        return _apply(CategoricalNLL, logits, noise, _class_ids(targets, logits.shape), temperature)
    log_probability = log_mean_softmax(logits, noise, temperature=temperature)
    return -(_soft_labels(targets, logits.shape, log_probability) * log_probability).sum(1)


def mean_sigmoid_logits(
    logits: LogitForm, noise: LogitNoise | RowNoise, *, temperature: Temperature = 1.0
) -> Float[Tensor, "B K"]:
    """Give (B, K) log-odds of ``p = mean_s sigmoid(u_s / temperature)``, for several classes at once.

    `torch.nn.functional.binary_cross_entropy_with_logits` of them is the published loss (CVPR 2021). It sees each class
    by itself, so it says nothing of covariances between classes; `joint_sigmoid_nll` does. Arguments and errors as
    `log_mean_softmax`.
    """
    return _apply(MeanSigmoidLogit, logits, noise, None, temperature)


def joint_sigmoid_nll(
    logits: LogitForm,
    noise: LogitNoise | RowNoise,
    targets: Shaped[Tensor, "..."],
    *,
    temperature: Temperature = 1.0,
) -> Float[Tensor, "B"]:
    """Give (B,) ``-log mean_s prod_c Bernoulli(t_c; sigmoid(u_sc / temperature))``, of whole label vectors t.

    Classes that occur together for reasons that the features do not show make their noise correlate.

    Args:
        logits: the distribution of the logits.
        noise: as `log_mean_softmax`.
        targets: (B, K) numbers in [0, 1].
        temperature: > 0; a tensor gets a gradient, and is not looked at (a GPU would have to wait).

    Raises:
        ShapeError: the draws or the targets do not fit the logits.
        InvalidInputError: the temperature is not above 0.
    """
    targets = _soft_labels(targets, logits.shape, logits.tensors[0])
    return _apply(JointBernoulliNLL, logits, noise, targets, temperature)


class _MeanLikelihood(torch.autograd.Function):
    """A rule over samples of a form, a few rows at a time."""

    @staticmethod
    def forward(
        rule: type[Rule],
        rebuild: Rebuild,
        noise: LogitNoise | RowNoise,
        targets: Tensor | None,
        temperature: Tensor,
        *tensors: Tensor,
    ) -> tuple[Tensor, Tensor]:
        form = rebuild(*tensors)
        if rule is CategoricalNLL and targets is not None:
            _check_range(targets, form.shape[1])
        sampler = form.sampler(noise, temperature.reciprocal())
        found = []
        for start, stop in _stretches(form, noise.num_samples):
            logits, _ = sampler.draw(start, stop)
            found.append(rule.forward(logits, None if targets is None else targets[start:stop]))
        results, kept = zip(*found, strict=True)
        return torch.cat(results), torch.cat(kept)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
        rule, rebuild, noise, targets, temperature, *tensors = inputs
        ctx.settings = rule, rebuild, noise
        ctx.mark_non_differentiable(output[1])
        ctx.save_for_backward(targets, temperature, *output, *tensors)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        # Gradients are on if a second derivative is asked for, and within torch.func; a compiler traces every branch.
        plain = not torch.is_grad_enabled() or torch.compiler.is_compiling()
        apply = _Gradients.forward if plain else _Gradients.apply
        gradients = apply(*ctx.settings, ctx.needs_input_grad[4], gradient, *ctx.saved_tensors)
        return None, None, None, None, *gradients

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *inputs: Any) -> tuple[tuple[Tensor, ...], tuple[int, ...]]:
        return _one_by_one(_MeanLikelihood, info.batch_size, in_dims, inputs)


class _Gradients(torch.autograd.Function):
    """The backward pass: a function of its own, so that `torch.func.vmap` gets through and a second one is refused."""

    @staticmethod
    def forward(
        rule: type[Rule],
        rebuild: Rebuild,
        noise: LogitNoise | RowNoise,
        of_temperature: bool,
        gradient: Tensor,
        targets: Tensor | None,
        temperature: Tensor,
        results: Tensor,
        kept: Tensor,
        *tensors: Tensor,
    ) -> tuple[Tensor, ...]:
        form = rebuild(*tensors)
        with torch.autocast(gradient.device.type, enabled=False):
            sampler = form.sampler(noise, temperature.reciprocal())
            for start, stop in _stretches(form, noise.num_samples):
                rows = slice(start, stop)
                logits, take = sampler.draw(start, stop)
                labels = None if targets is None else targets[rows]
                take(rule.backward(logits, labels, results[rows], kept[rows], gradient[rows]))
            gradients = sampler.gradients()
            scaled = form.scaled_by(gradients) if of_temperature else torch.zeros_like(temperature)
            return -scaled / temperature, *gradients

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        """Keep nothing: there is no second derivative."""

    @staticmethod
    def backward(ctx: Any, *_: Tensor) -> tuple[None, ...]:
        raise NotImplementedError("likelihoods of noisy logits can be differentiated once, not twice")

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *inputs: Any) -> tuple[tuple[Tensor, ...], tuple[int, ...]]:
        return _one_by_one(_Gradients, info.batch_size, in_dims, inputs)


def _one_by_one(
    function: type[torch.autograd.Function], size: int, in_dims: tuple[int | None, ...], inputs: tuple[Any, ...]
) -> tuple[tuple[Tensor, ...], tuple[int, ...]]:
    """Apply a function to each of `size` examples, as `torch.func.vmap` wants it: right and lean, but a plain loop."""
    examples = [
        [x if dim is None else x.select(dim, i) for x, dim in zip(inputs, in_dims, strict=True)] for i in range(size)
    ]
    found = [function.apply(*example) for example in examples]
    return tuple(torch.stack(parts) for parts in zip(*found, strict=True)), (0,) * len(found[0])


def _stretches(form: LogitForm, num_samples: int) -> list[tuple[int, int]]:
    """Cut the rows so that the samples of a stretch fit the cache (or a share of a GPU's memory)."""
    size, num_classes = form.shape
    numbers = CPU_NUMBERS if form.tensors[0].device.type == "cpu" else GPU_NUMBERS
    rows = max(1, numbers // (num_samples * max(num_classes, form.noise_shape[1])))
    return [(start, min(start + rows, size)) for start in range(0, max(1, size), rows)]


def _apply(
    rule: type[Rule],
    logits: LogitForm,
    noise: LogitNoise | RowNoise,
    targets: Tensor | None,
    temperature: Temperature,
) -> Tensor:
    tensors = tuple(_at_least_float32(tensor) for tensor in logits.tensors)
    scale = _temperature(temperature, tensors[0])
    _check_noise(logits, noise)
    with torch.autocast(tensors[0].device.type, enabled=False):
        if is_exporting():
            return _in_one_piece(rule, logits.rebuild(*tensors), noise, targets, scale)
        result, _ = _MeanLikelihood.apply(  # type: ignore[no-untyped-call]
            rule, logits.rebuild, noise, targets, scale, *tensors
        )
    found: Tensor = result
    return found


def _in_one_piece(
    rule: type[Rule], form: LogitForm, noise: LogitNoise | RowNoise, targets: Tensor | None, temperature: Tensor
) -> Tensor:
    """Take all rows at once by plain operations, so that an exported graph holds for any batch size."""
    logits, _ = form.sampler(noise, temperature.reciprocal()).draw(0, form.shape[0])
    return rule.forward(logits, targets)[0]


def _at_least_float32(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor


def _temperature(temperature: Temperature, like: Tensor) -> Tensor:
    if isinstance(temperature, Tensor):
        return temperature.to(like)
    if not 0 < temperature < float("inf"):
        raise InvalidInputError(f"`temperature` must be a number above 0, got {temperature}")
    return torch.full((), temperature, dtype=like.dtype, device=like.device)


def _check_noise(logits: LogitForm, noise: LogitNoise | RowNoise) -> None:
    factors, classes = logits.noise_shape
    if isinstance(noise, LogitNoise):
        got = (noise.factors.shape[1], noise.classes.shape[1])
    else:
        got = (noise.num_factors, noise.num_classes)
    if got != (factors, classes):
        raise ShapeError(
            f"`noise` must have {factors} factors and {classes} classes (or features) to fit `logits`, "
            f"got {got[0]} and {got[1]}; draw it with `draw_noise(num_samples, {factors}, {classes})`"
        )


def _class_ids(targets: Tensor, shape: tuple[int, int]) -> Tensor:
    if targets.shape[0] != shape[0]:
        raise ShapeError(f"`targets` must have one label a row, {shape[0]}, got {targets.shape[0]}")
    if targets.is_floating_point() or targets.is_complex() or targets.dtype == torch.bool:
        raise InvalidInputError(f"`targets` of shape (B,) must be class ids, got {targets.dtype}; use integers")
    return targets.long()


def _check_range(targets: Tensor, num_classes: int) -> None:
    # On a GPU the look would wait for all work in flight; there an index out of range fails by itself.
    if targets.device.type == "cpu" and not torch.compiler.is_compiling() and targets.numel():
        low, high = int(targets.min()), int(targets.max())
        if low < 0 or high >= num_classes:
            raise UnknownClassError(f"`targets` must lie in 0..{num_classes - 1}, got {low if low < 0 else high}")


def _soft_labels(targets: Tensor, shape: tuple[int, int], like: Tensor) -> Tensor:
    if tuple(targets.shape) != tuple(shape):
        raise ShapeError(f"`targets` must have shape (B,) or {tuple(shape)}, got {tuple(targets.shape)}")
    return targets.to(_at_least_float32(like).dtype)
