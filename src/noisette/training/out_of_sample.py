"""Probabilities of a classifier for samples that it has not learned from: K folds, K classifiers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import Subset

from noisette.errors import InvalidInputError, ShapeError
from noisette.training.classifier import train_classifier
from noisette.training.evaluation import predict
from noisette.training.randomness import derived_seed
from noisette.training.recipe import TrainingRecipe
from noisette.types import Float32Array, IntArray, Progress, silent


def out_of_sample_probabilities(
    make_model: Callable[[int], nn.Module],
    dataset: Any,
    labels: IntArray,
    *,
    plain: Any = None,
    num_folds: int = 5,
    groups: IntArray | None = None,
    recipe: TrainingRecipe | None = None,
    folder: str | Path | None = None,
    device: torch.device | str = "cpu",
    random_state: int = 0,
    progress: Progress = silent,
) -> Float32Array:
    """Train a classifier for each fold on the others, and give its probabilities for that fold.

    They are what the verifiers take as `pred_probs`: a classifier that has learned from a wrong label says nothing
    against it.

    Args:
        make_model: seed -> a new classifier, whose start may follow from the seed.
        dataset: map-style, N samples (x, y) or (x, y, w), to learn from.
        labels: (N,) given class ids; every fold gets its share of each class.
        plain: the same samples without augmentation, to predict on; None = `dataset`.
        num_folds: at least 2.
        groups: (N,) samples of one group, such as copies of one picture, share a fold; None = each its own.
        recipe: as for `train_classifier`.
        folder: for the checkpoints and results of the folds; a stopped call goes on from them.
        device: where to train.
        random_state: seed >= 0 of folds, starts and trainings.
        progress: called with ("fold", folds done, folds), beside the trainings' own calls.

    Returns:
        (N, K) float32, in the order of the data set; each row sums to 1.

    Raises:
        ShapeError: `labels` or `groups` do not have one entry a sample.
        InvalidInputError: fewer than two folds, or fewer samples (or groups) than folds.
    """
    size = len(dataset)
    for name, given in (("labels", labels), ("groups", groups)):
        if given is not None and np.shape(given) != (size,):
            raise ShapeError(f"`{name}` must have shape ({size},), one entry a sample, got {np.shape(given)}")
    names = np.arange(size) if groups is None else np.asarray(groups)
    most = np.unique(names).size
    if not 2 <= num_folds <= most:
        raise InvalidInputError(f"`num_folds` must be 2 to {most}, the number of samples (or groups), got {num_folds}")
    found: Float32Array | None = None
    for fold, (inside, outside) in enumerate(_folds(np.asarray(labels), names, num_folds, random_state)):
        seed = derived_seed(random_state, fold) >> 32
        trained = train_classifier(
            make_model(seed),
            Subset(dataset, inside.tolist()),
            recipe=recipe,
            folder=None if folder is None else Path(folder) / f"fold-{fold}",
            device=device,
            random_state=seed,
            progress=progress,
        )
        logs, _ = predict(trained.model, Subset(dataset if plain is None else plain, outside.tolist()), device=device)
        if found is None:
            found = np.zeros((size, logs.shape[1]), dtype=np.float32)
        found[outside] = np.exp(logs)
        progress("fold", fold + 1, num_folds)
    assert found is not None
    return found


def _folds(labels: IntArray, names: IntArray, num_folds: int, random_state: int) -> list[tuple[IntArray, IntArray]]:
    """Deal groups out class by class, by the label of their first sample; give (inside, outside) rows of each fold."""
    _, first, group = np.unique(names, return_index=True, return_inverse=True)
    shuffled = np.random.default_rng(random_state).permutation(first.size)
    order = shuffled[np.argsort(labels[first[shuffled]], kind="stable")]
    dealt = np.empty(first.size, dtype=np.int64)
    dealt[order] = np.arange(first.size) % num_folds
    fold_of = dealt[group]
    return [(np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold)) for fold in range(num_folds)]
