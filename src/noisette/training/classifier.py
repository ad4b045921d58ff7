"""Training a classifier on labels with weights."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, final

import torch
from torch import Tensor, nn

from noisette.training.batches import TrainingBatches
from noisette.training.checkpoints import EpochRecord
from noisette.training.evaluation import ClassifierMetrics
from noisette.training.loop import LoopOptions, about_training, lower_precision, run_loop
from noisette.training.losses import batch_loss, mixed
from noisette.training.processes import this_process
from noisette.training.recipe import TrainingRecipe
from noisette.types import Float64Array, IntArray, Progress, silent


@dataclass(frozen=True, eq=False)
class TrainedClassifier:
    """What a training gave.

    Attributes:
        model: the classifier, in evaluation mode; the moving average where the recipe has one.
        history: a record an epoch.
        metrics: of the validation set at the end; None without one.
    """

    model: nn.Module
    history: tuple[EpochRecord, ...]
    metrics: ClassifierMetrics | None


def train_classifier(
    model: nn.Module,
    train: Any,
    *,
    recipe: TrainingRecipe | None = None,
    validation: Any = None,
    folder: str | Path | None = None,
    checkpoint_steps: int = 1000,
    device: torch.device | str = "cpu",
    labels: IntArray | None = None,
    weights: Float64Array | None = None,
    multilabel: bool = False,
    random_state: int = 0,
    progress: Progress = silent,
) -> TrainedClassifier:
    """Train a classifier; the model is changed in place.

    Args:
        model: (B, ...) images -> (B, K) logits, or log-probabilities (a heteroscedastic head). Parts whose parameters
            are all frozen stay in evaluation mode.
        train: map-style data set of (x, y), or (x, y, w) as `WeightedDataset` gives; the loss of a batch is
            sum(w l) / B.
        recipe: how; None = the defaults of `TrainingRecipe`.
        validation: (x, y) with labels that can be trusted, looked at after every epoch; nothing is chosen by it.
        folder: for a checkpoint after every epoch and every `checkpoint_steps`; a training that is called again with
            the same arguments goes on from it. On a CPU with as many threads as before (`torch.get_num_threads`) the
            result is then, bit for bit, that of an undisturbed one.
            Another recipe, seed, model, number of samples, labels or weights are noticed, other pictures are not.
        checkpoint_steps: steps between checkpoints.
        device: where to train.
        labels: (N,) class ids, for balanced sampling.
        weights: (N,) weights, for weighted sampling alone; what the loss weighs comes with the samples.
        multilabel: y is (K,) of 0 and 1, the loss the mean over classes of binary cross-entropies.
        random_state: seed >= 0 of order, augmentations, dropout, noise. Global generators are left as they were.
        progress: called with ("train", steps done, steps), in the first process.

    Returns:
        The trained classifier. With `torch.distributed` initialised, every process trains on its share of each epoch,
        evaluates on all of `validation` and gives the same; the first one writes checkpoints, which all must see.

    Raises:
        InvalidInputError: a data set is empty or a stream, does not fit the recipe, or no parameter learns.
        DataFileError: the checkpoint is damaged, or of another training.
        NoisetteError: the loss, or the model, is not finite.
    """
    recipe, device = recipe or TrainingRecipe(), torch.device(device)
    rank, world_size = this_process()
    options = LoopOptions(
        recipe=recipe,
        device=device,
        random_state=random_state,
        validation=validation,
        multilabel=multilabel,
        folder=Path(folder) if folder else None,
        checkpoint_steps=checkpoint_steps,
        about=about_training(recipe, train, labels, weights),
        progress=progress,
    )
    batches = TrainingBatches(
        train, recipe, random_state, labels=labels, weights=weights, rank=rank, world_size=world_size,
        pin_memory=device.type == "cuda",
    )  # fmt: skip
    done = run_loop(_WeightedLoss(model, recipe, multilabel), batches, options)
    return TrainedClassifier(done.learner, done.history, done.metrics)


@final
class _WeightedLoss:
    """The weighted loss of a classifier's outputs, with mixed pictures where the recipe has them."""

    def __init__(self, model: nn.Module, recipe: TrainingRecipe, multilabel: bool) -> None:
        self.learner, self._recipe = model, recipe
        self._loss = partial(batch_loss, label_smoothing=recipe.label_smoothing, multilabel=multilabel)

    def before_step(self, epoch: int, step: int) -> None:
        """There is nothing to do."""

    def loss(self, learner: nn.Module, images: Tensor, targets: Tensor, weight: Tensor) -> Tensor:
        """Give sum(w l) / B."""
        partner, share = None, 1.0
        if self._recipe.mixup > 0:
            images, partner, share = mixed(images, self._recipe.mixup)
        with lower_precision(self._recipe, images):
            outputs = learner(images)
        if partner is None:
            return self._loss(outputs, targets, weight)
        own, other = self._loss(outputs, targets, weight), self._loss(outputs, targets[partner], weight[partner])
        return share * own + (1 - share) * other

    def classifier(self, learner: nn.Module) -> nn.Module:
        """Give all of it."""
        return learner

    def end_epoch(self) -> dict[str, float]:
        """There is nothing but the loss."""
        return {}
