"""What a jointly trained CleanNet says of labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from noisette.errors import ShapeError, UnknownClassError
from noisette.functional.similarity import cosine_similarity
from noisette.training.end_to_end_network import JointNetwork
from noisette.training.evaluation import evaluation_mode
from noisette.types import ArrayLike, Float32Array, as_numpy


@torch.no_grad()
def similarities(
    network: JointNetwork,
    dataset: Any,
    labels: ArrayLike | None = None,
    *,
    batch_size: int = 256,
    num_workers: int = 0,
) -> Float32Array:
    """Give the similarity of each sample to the class of its label; max(0, similarity) is its soft weight.

    Samples that were learned from as verified ones score better than new ones would.

    Args:
        network: from `train_end_to_end`; on its device the work is done.
        dataset: map-style, of (x, y, ...).
        labels: (N,) class ids; None = the y of the data set.
        batch_size: pictures at once.
        num_workers: processes that load samples.

    Returns:
        (N,) cosines in [-1, 1], high = more likely correct; NaN for a class without references.

    Raises:
        ShapeError: `labels` has not one entry a sample.
        UnknownClassError: a label is none of the classes.
    """
    given = None if labels is None else torch.from_numpy(as_numpy(labels).astype(np.int64))
    if given is not None and given.shape != (len(dataset),):
        raise ShapeError(f"`labels` must have shape ({len(dataset)},), one entry a sample, got {tuple(given.shape)}")
    loader: DataLoader[Any] = DataLoader(
        dataset, batch_size=batch_size, num_workers=num_workers, generator=torch.Generator()
    )
    found: list[Tensor] = []
    with evaluation_mode(network):
        classes = network.cleannet.embed_references(network.references)
        for start, (images, own, *_) in enumerate(loader):
            compared = own if given is None else given[start * batch_size : (start + 1) * batch_size]
            _check(compared, len(classes))
            features = network.backbone.with_output(images.to(classes.device))[0]
            embedded = network.cleannet.embed_queries(features)
            cosines = cosine_similarity(embedded, classes[compared.to(classes.device)])
            found.append(cosines.clamp(-1, 1).float().cpu())
    return torch.cat(found).numpy() if found else np.empty(0, np.float32)


def _check(labels: Tensor, num_classes: int) -> None:
    bad = labels[(labels < 0) | (labels >= num_classes)]
    if len(bad):
        raise UnknownClassError(f"a label is {int(bad[0])}, but there are classes 0..{num_classes - 1}")
