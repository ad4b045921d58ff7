"""What is averaged over samples of the logits: class probabilities or the likelihood of a label, with gradients.

A rule sees the logits u (b, S, K) of a few rows, already divided by the temperature. `forward` gives what it says of
each row and what is kept for the way back: at most (b, S) or (b, K) numbers. Either may write over the logits, which
`backward` is given anew. Everything stays in log space, so a confident mistake keeps its gradient.
"""

from __future__ import annotations

import math
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid, softplus


@runtime_checkable
class Rule(Protocol):
    """A function of samples of the logits."""

    @staticmethod
    def forward(logits: Tensor, targets: Tensor | None) -> tuple[Tensor, Tensor]:
        """Give the result of each row, and what is kept for `backward`."""

    @staticmethod
    def backward(logits: Tensor, targets: Tensor | None, result: Tensor, kept: Tensor, gradient: Tensor) -> Tensor:
        """Give the gradient of each logit from that of the result."""


class LogMeanSoftmax:
    """log of the mean over samples of softmax(u): (b, K). Kept: (b, S) normalisers."""

    @staticmethod
    def forward(logits: Tensor, targets: Tensor | None) -> tuple[Tensor, Tensor]:  # noqa: ARG004
        """Average in log space."""
        normalizer = logits.logsumexp(2)
        logits -= normalizer[..., None]
        return logits.logsumexp(1) - math.log(logits.shape[1]), normalizer

    @staticmethod
    def backward(logits: Tensor, targets: Tensor | None, result: Tensor, kept: Tensor, gradient: Tensor) -> Tensor:  # noqa: ARG004
        """Share each class's gradient among the samples by what they gave to its probability."""
        logits -= kept[..., None]
        share = (logits - (result + math.log(logits.shape[1]))[:, None]).exp_()
        share *= gradient[:, None]
        total = share.sum(2, keepdim=True)
        return share.addcmul_(logits.exp_(), total, value=-1)


class CategoricalNLL:
    """-log of the mean over samples of softmax(u)_target: (b,). Kept: (b, S) normalisers."""

    @staticmethod
    def forward(logits: Tensor, targets: Tensor | None) -> tuple[Tensor, Tensor]:
        """Average in log space."""
        normalizer = logits.logsumexp(2)
        chosen = _of_target(logits, targets) - normalizer
        return math.log(logits.shape[1]) - chosen.logsumexp(1), normalizer

    @staticmethod
    def backward(logits: Tensor, targets: Tensor | None, result: Tensor, kept: Tensor, gradient: Tensor) -> Tensor:
        """Weigh each sample's (softmax - one-hot) by its share of the target's probability."""
        chosen = _of_target(logits, targets) - kept
        weight = (chosen + (result - math.log(logits.shape[1]))[:, None]).exp() * gradient[:, None]
        logits -= kept[..., None]
        found = logits.exp_().mul_(weight[..., None])
        return found.scatter_add_(2, _index(logits, targets), -weight[..., None])


class MeanSigmoidLogit:
    """log p - log (1 - p) of p = mean over samples of sigmoid(u): (b, K). Kept: (b, K) log p."""

    @staticmethod
    def forward(logits: Tensor, targets: Tensor | None) -> tuple[Tensor, Tensor]:  # noqa: ARG004
        """Average either side in log space; log S cancels."""
        # Exporters write log(sigmoid), which is off where it is far below 0, but softplus whole.
        positive = -softplus(-logits) if is_exporting() else logsigmoid(logits)
        yes, no = positive.logsumexp(1), positive.sub_(logits).logsumexp(1)
        return yes - no, yes

    @staticmethod
    def backward(logits: Tensor, targets: Tensor | None, result: Tensor, kept: Tensor, gradient: Tensor) -> Tensor:  # noqa: ARG004
        """Either side's share of each sample, times how far that side is from certain."""
        yes = logsigmoid(logits)
        no = yes - logits
        # Not one minus the other, which is 0 in float32 where samples disagree with certainty.
        no_share = (no - (kept - result)[:, None]).exp_().mul_(yes.exp())
        return yes.sub_(kept[:, None]).exp_().mul_(no.exp_()).add_(no_share).mul_(gradient[:, None])


class JointBernoulliNLL:
    """-log of the mean over samples of prod_c Bernoulli(target_c; sigmoid(u_c)): (b,). Kept: (b, S) log-likelihoods."""

    @staticmethod
    def forward(logits: Tensor, targets: Tensor | None) -> tuple[Tensor, Tensor]:
        """Average the likelihood of all classes at once, in log space."""
        assert targets is not None
        likelihood = (logits @ targets[..., None]).squeeze(2) + logsigmoid(-logits).sum(2)
        return math.log(logits.shape[1]) - likelihood.logsumexp(1), likelihood

    @staticmethod
    def backward(logits: Tensor, targets: Tensor | None, result: Tensor, kept: Tensor, gradient: Tensor) -> Tensor:
        """Weigh each sample's (sigmoid - target) by its share of the likelihood."""
        assert targets is not None
        weight = (kept + (result - math.log(logits.shape[1]))[:, None]).exp() * gradient[:, None]
        return logits.sigmoid_().sub_(targets[:, None]).mul_(weight[..., None])


def is_exporting() -> bool:
    """Tell whether `torch.export` or `torch.onnx.export` is tracing; torch 2.6 cannot tell it from compiling."""
    ask = getattr(torch.compiler, "is_exporting", torch.compiler.is_compiling)
    return bool(ask() or torch.onnx.is_in_onnx_export())


def _index(logits: Tensor, targets: Tensor | None) -> Tensor:
    assert targets is not None
    return targets[:, None, None].expand(-1, logits.shape[1], 1)


def _of_target(logits: Tensor, targets: Tensor | None) -> Tensor:
    return logits.gather(2, _index(logits, targets)).squeeze(2)
