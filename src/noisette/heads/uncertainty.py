"""Predictive uncertainty of a head, split into label noise and the rest; by row, or by class over a data set.

The entropy of a row's probabilities p is the sum of two parts: the mutual information between label and noise, that is
how much knowing the noise would say of the label, and the mean entropy that is left when the noise is known. The first
is what the head's covariance explains, its label noise. The second is what the softmax adds at the head's temperature:
near 0 at a low one. So compare rows and classes of one head, or heads of one temperature, not heads of several.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from noisette.errors import ShapeError, UnknownClassError
from noisette.heads.base import HeteroscedasticBase
from noisette.heads.streaming import Batches, check_features, evaluation, feature_batches, samples
from noisette.types import Progress, silent


@dataclass(frozen=True, eq=False)
class Uncertainty:
    """Entropies in nats, >= 0; high: uncertain. (B,) of a softmax head, at most log K; multi-label (B, K), log 2.

    Attributes:
        label_noise: mutual information of label and noise: the part that the covariance explains.
        rest: mean entropy of the label once the noise is known.
    """

    label_noise: Float[Tensor, "..."]
    rest: Float[Tensor, "..."]

    @property
    def total(self) -> Float[Tensor, "..."]:
        """Entropy of the probabilities that the head gives."""
        return self.label_noise + self.rest


@dataclass(frozen=True, eq=False)
class ClassUncertainty:
    """Mean uncertainty of the rows of each class; (K,), NaN for a class without rows.

    Attributes:
        num_rows: (K,) how many rows the mean is of.
        label_noise, rest: means of those of `Uncertainty`.
    """

    num_rows: Int[Tensor, "K"]
    label_noise: Float[Tensor, "K"]
    rest: Float[Tensor, "K"]

    @property
    def total(self) -> Float[Tensor, "K"]:
        """Mean entropy of the probabilities."""
        return self.label_noise + self.rest


def split_uncertainty(head: HeteroscedasticBase, x: Float[Tensor, "B D"]) -> Uncertainty:
    """Split the entropy of a head's predictions into label noise and the rest.

    Taken at the fixed points of evaluation, so it is the same each time, in either mode of the head; (B, S, K) numbers
    never exist at once.

    Args:
        head: any heteroscedastic head.
        x: (B, D) features.

    Raises:
        ShapeError: `x` has another shape.
        InvalidInputError: `x` holds NaN or infinite numbers.

    Example:
        >>> from noisette.heads import HeteroscedasticHead
        >>> found = split_uncertainty(HeteroscedasticHead(2, 3, num_factors=1), torch.zeros(4, 2))
        >>> found.total.shape, bool((found.label_noise > 0).all())
        (torch.Size([4]), True)
    """
    check_features(head, x, "`x`")
    with evaluation(head):
        return _split(head, x)


def class_uncertainty(head: HeteroscedasticBase, batches: Batches, *, progress: Progress = silent) -> ClassUncertainty:
    """Average the split over the rows of each class of a data set, a batch at a time.

    Args:
        head: any heteroscedastic head.
        batches: (x, labels) pairs, (B, D) features and (B,) class ids: given labels say where labels are noisy,
            predicted ones where predictions are. A multi-label head takes features alone: each row counts for every
            class.
        progress: called with the batches done.

    Raises:
        ShapeError: a batch has another shape, or no labels.
        UnknownClassError: a label is not in 0..K-1.
        InvalidInputError: no row, or NaN or infinite numbers.
    """
    size = head.num_classes
    sums = torch.zeros(2, size, dtype=torch.float64, device=head.loc.weight.device)
    num_rows = torch.zeros(size, dtype=torch.int64, device=sums.device)
    with evaluation(head):
        for x, others in feature_batches(head, batches, progress, "uncertainty"):
            found = _split(head, x)
            parts = torch.stack([found.label_noise, found.rest]).double()
            if head.settings.multilabel:
                sums += parts.sum(1)
                num_rows += len(x)
            else:
                labels = _labels(others, len(x), size).to(sums.device)
                sums.index_add_(1, labels, parts)
                num_rows += labels.bincount(minlength=size)
    label_noise, rest = sums / num_rows
    return ClassUncertainty(num_rows, label_noise, rest)


def _split(head: HeteroscedasticBase, x: Tensor) -> Uncertainty:
    entropies = _sigmoid_entropies if head.settings.multilabel else _softmax_entropies
    parts = [entropies(logits) for logits in samples(head, x.to(head.loc.weight))]
    if not parts:
        empty = head.loc.weight.new_zeros((0, head.num_classes) if head.settings.multilabel else (0,))
        return Uncertainty(empty, empty)
    total, rest = (torch.cat(part) for part in zip(*parts, strict=True))
    label_noise = (total - rest).clamp_(min=0)  # below 0 by rounding alone: entropy is concave
    return Uncertainty(label_noise, total - label_noise)


def _softmax_entropies(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Give (b,) entropy of the mean and mean entropy; writes over the logits."""
    given_noise = logits.softmax(2)
    total = torch.special.entr(given_noise.mean(1)).sum(1)
    logits -= logits.logsumexp(2, keepdim=True)
    return total, -(given_noise.mul_(logits)).sum((1, 2)) / logits.shape[1]


def _sigmoid_entropies(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Give (b, K) entropy of the mean and mean entropy of each class by itself."""
    yes, no = logits.sigmoid(), logits.neg().sigmoid_()
    total = torch.special.entr(yes.mean(1)) + torch.special.entr(no.mean(1))
    rest = torch.special.entr(yes).mean(1) + torch.special.entr(no).mean(1)
    return total, rest


def _labels(others: tuple[object, ...], num_rows: int, num_classes: int) -> Int[Tensor, "B"]:
    if not others:
        raise ShapeError("`batches` must hold (x, labels) pairs, got features alone; say of which class each row is")
    labels = torch.as_tensor(others[0])
    if labels.shape != (num_rows,) or labels.is_floating_point():
        raise ShapeError(
            f"labels in `batches` must be ({num_rows},) class ids, got {labels.dtype} of shape {tuple(labels.shape)}"
        )
    if int(labels.min()) < 0 or int(labels.max()) >= num_classes:
        wrong = labels[(labels < 0) | (labels >= num_classes)][0]
        raise UnknownClassError(f"labels in `batches` must lie in 0..{num_classes - 1}, got {int(wrong)}")
    return labels.long()
