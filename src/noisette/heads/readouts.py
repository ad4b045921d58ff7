"""What a trained head says of a whole data set: which classes' noise goes together, which labels are confused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from noisette.errors import InvalidInputError
from noisette.heads.base import HeteroscedasticBase
from noisette.heads.distribution import centered
from noisette.heads.streaming import Batches, evaluation, feature_batches, few_rows, samples
from noisette.heads.xl_head import HeteroscedasticXLHead
from noisette.types import Progress, silent


@dataclass(frozen=True, eq=False)
class LabelDisagreement:
    """How often two labels of one row are two given classes, by a head; all (K, K), symmetric, 0 on the diagonal.

    Attributes:
        total: mean over rows of ``2 p_i p_j``, in [0, 1]: the chance that of two labels, drawn independently, one is i
            and one is j. The sum over all pairs is the chance that the two labels differ.
        label_noise: the part that the head's noise explains: ``-2`` times the mean covariance of the two probabilities
            under the noise. Below 0 where the noise moves both together.
    """

    total: Float[Tensor, "K K"]
    label_noise: Float[Tensor, "K K"]

    @property
    def rest(self) -> Float[Tensor, "K K"]:
        """What is left when the noise is known: ``2 E p_i p_j`` given the noise; >= 0."""
        return self.total - self.label_noise


def average_covariance(
    head: HeteroscedasticBase, batches: Batches, *, progress: Progress = silent
) -> Float[Tensor, "K K"]:
    """Give the covariance of the noise, averaged over a data set, divided by temperature^2 (CVPR 2021, section 5).

    Of a softmax head it is centred, since only contrasts between classes can be learned. Of a multi-label head it is
    not: a sigmoid sees its logit itself, so noise that all classes share counts.

    Memory: one batch, and K^2 numbers in float64 (an XL head gathers D^2 and meets the classes once, at the end).

    Args:
        head: any heteroscedastic head; its training mode is left as it was.
        batches: (B, D) features, or tuples that begin with them, as a DataLoader gives; any sizes of batch.
        progress: called with the batches done.

    Returns:
        (K, K) float64 on the head's device; `confused_pairs` lists what is large in it.

    Raises:
        ShapeError: a batch is not (B, D).
        InvalidInputError: no row, or NaN or infinite numbers in a batch or in the head.

    Example:
        >>> from noisette.heads import HeteroscedasticHead
        >>> average_covariance(HeteroscedasticHead(2, 3, num_factors=1), [torch.zeros(4, 2), torch.ones(9, 2)]).shape
        torch.Size([3, 3])
    """
    is_xl = isinstance(head, HeteroscedasticXLHead)
    of_features: Any = head.spread
    mean_of = of_features.mean_covariance if is_xl else head.mean_covariance
    total: Tensor | None = None
    num_rows = 0
    with evaluation(head):
        for x, _ in feature_batches(head, batches, progress, "covariance"):
            for rows in few_rows(head, x):
                found = mean_of(rows).double().mul_(len(rows))
                total = found if total is None else total.add_(found)
                num_rows += len(rows)
        assert total is not None
        total /= num_rows
        if is_xl:
            weight = head.loc.weight.double()
            total = weight @ total @ weight.mT
        if not total.isfinite().all():
            raise InvalidInputError("`head` gives a covariance that is not finite; did its training diverge?")
        total = total if head.settings.multilabel else centered(total)
        return total / head.temperature.double().square()


def label_disagreement(
    head: HeteroscedasticBase, batches: Batches, *, progress: Progress = silent
) -> LabelDisagreement:
    """Give, for each pair of classes, the chance that two labels of a row of a data set are this pair.

    This is what a softmax head has learned of the classes that are confused, whether it put it into its mean logits or
    into its noise, and how much of it is noise. Arguments as `average_covariance`; a row costs S K^2 products.

    Raises:
        ShapeError: a batch is not (B, D).
        InvalidInputError: the head is multi-label; no row; NaN or infinite numbers.
    """
    if head.settings.multilabel:
        raise InvalidInputError(
            "`head` is multi-label, so its labels do not exclude each other; see `average_covariance`"
        )
    size = head.num_classes
    of_means, of_samples = (torch.zeros(size, size, dtype=torch.float64, device=head.loc.weight.device) for _ in "ab")
    num_rows = 0
    with evaluation(head):
        for x, _ in feature_batches(head, batches, progress, "disagreement"):
            for logits in samples(head, x):
                given_noise = logits.softmax(2)
                mean = given_noise.mean(1)
                flat = given_noise.flatten(0, 1)
                of_means += (mean.mT @ mean).double()
                of_samples += (flat.mT @ flat).double() / logits.shape[1]
            num_rows += len(x)
    total, rest = (2 * found.fill_diagonal_(0) / num_rows for found in (of_means, of_samples))
    if not total.isfinite().all():
        raise InvalidInputError("`head` gives probabilities that are not finite; did its training diverge?")
    return LabelDisagreement(total, total - rest)
