"""Training a classifier on labels with weights: a plain loop, which can be stopped at any step."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from noisette.errors import NoisetteError
from noisette.training.batches import TrainingBatches
from noisette.training.checkpoints import EpochRecord, Position, load_checkpoint, save_checkpoint
from noisette.training.evaluation import ClassifierMetrics, evaluate_classifier
from noisette.training.losses import batch_loss, mixed
from noisette.training.optimizers import make_optimizer, moving_average
from noisette.training.randomness import derived_seed, own_randomness
from noisette.training.recipe import TrainingRecipe, learning_rate_at
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
        model: (B, ...) images -> (B, K) logits, or log-probabilities (a heteroscedastic head).
        train: map-style data set of (x, y), or (x, y, w) as `WeightedDataset` gives; the loss of a batch is
            sum(w l) / B.
        recipe: how; None = the defaults of `TrainingRecipe`.
        validation: (x, y) with labels that can be trusted, looked at after every epoch; nothing is chosen by it.
        folder: for a checkpoint after every epoch and every `checkpoint_steps`; a training that is called again with
            the same arguments goes on from it. On a CPU the result is then, bit for bit, that of an undisturbed one.
        checkpoint_steps: steps between checkpoints.
        device: where to train.
        labels: (N,) class ids, for balanced sampling.
        weights: (N,) weights, for weighted sampling.
        multilabel: y is (K,) of 0 and 1, the loss the mean over classes of binary cross-entropies.
        random_state: seed of order, augmentations, dropout, noise. Global generators are left as they were.
        progress: called with ("train", steps done, steps).

    Returns:
        The trained classifier. With `torch.distributed` initialised, every process trains on its share of each epoch
        and gives the same model; the first one writes checkpoints.

    Raises:
        InvalidInputError: the training set is empty, or does not fit the recipe.
        DataFileError: the checkpoint is damaged, or of another training.
        NoisetteError: the loss is not finite.
    """
    recipe, device = recipe or TrainingRecipe(), torch.device(device)
    rank, world_size = _process()
    batches = TrainingBatches(
        train, recipe, random_state, labels=labels, weights=weights, rank=rank, world_size=world_size,
        pin_memory=device.type == "cuda",
    )  # fmt: skip
    model.to(device).train()
    average = moving_average(model, recipe.ema_decay) if recipe.ema_decay is not None else None
    optimizer, scaler = (
        make_optimizer(model, recipe),
        torch.amp.GradScaler(device.type, enabled=recipe.precision == "float16"),
    )
    modules = {"model": model} | ({"average": average} if average is not None else {})
    about = {"recipe": _lasting(recipe), "random_state": random_state, "size": batches.size, "processes": world_size}
    position = load_checkpoint(Path(folder), modules, optimizer, about) if folder else Position()
    parallel = DistributedDataParallel(model) if world_size > 1 else model
    kept = average.module if average is not None else model
    metrics: ClassifierMetrics | None = None

    def evaluate() -> ClassifierMetrics | None:
        if validation is None:
            return None
        return evaluate_classifier(
            kept, validation, num_workers=recipe.num_workers, device=device, multilabel=multilabel
        )

    def checkpoint() -> None:
        if folder and rank == 0:
            save_checkpoint(Path(folder), position, modules, optimizer, about)

    with own_randomness():
        for epoch in range(position.epoch, recipe.epochs):
            total = torch.tensor(
                position.loss, dtype=torch.float64, device=device
            )  # looked at rarely: a GPU would wait
            for images, targets, weight in batches.epoch(epoch, position.step):
                torch.manual_seed(derived_seed(random_state, epoch, position.step, rank))  # of every device
                rate = learning_rate_at(recipe, epoch + (position.step + 1) / batches.steps)
                for group in optimizer.param_groups:
                    group["lr"] = rate
                images, targets, weight = (part.to(device, non_blocking=True) for part in (images, targets, weight))
                if recipe.sampling == "weighted":
                    weight = torch.ones_like(weight)
                loss = _loss(parallel, images, targets, weight, recipe, multilabel)
                optimizer.zero_grad()
                scaler.scale(loss).backward()
                if recipe.clip_norm is not None:
                    scaler.unscale_(optimizer)
                    nn.utils.clip_grad_norm_(model.parameters(), recipe.clip_norm)
                scaler.step(optimizer)
                scaler.update()
                if average is not None:
                    average.update_parameters(model)
                total += loss.detach()
                position.step += 1
                progress("train", epoch * batches.steps + position.step, recipe.epochs * batches.steps)
                if position.step % checkpoint_steps == 0 and position.step < batches.steps:
                    position.loss = _finite(total, epoch)
                    checkpoint()
            position.loss = _finite(total, epoch)
            metrics = evaluate()
            numbers = metrics.as_numbers() if metrics else {}
            position.history.append(EpochRecord(epoch + 1, position.loss / batches.steps, rate, numbers))
            position.epoch, position.step, position.loss = epoch + 1, 0, 0.0
            checkpoint()
    return TrainedClassifier(kept.eval(), tuple(position.history), metrics or evaluate())


def _loss(
    model: nn.Module, images: Tensor, targets: Tensor, weight: Tensor, recipe: TrainingRecipe, multilabel: bool
) -> Tensor:
    lower = {"float32": None, "bfloat16": torch.bfloat16, "float16": torch.float16}[recipe.precision]
    partner, share = None, 1.0
    if recipe.mixup > 0:
        images, partner, share = mixed(images, recipe.mixup)
    with torch.autocast(images.device.type, dtype=lower, enabled=lower is not None):
        outputs = model(images)
    loss = partial(batch_loss, outputs, label_smoothing=recipe.label_smoothing, multilabel=multilabel)
    if partner is None:
        return loss(targets, weight)
    return share * loss(targets, weight) + (1 - share) * loss(targets[partner], weight[partner])


def _finite(total: Tensor, epoch: int) -> float:
    value = float(total)
    if not math.isfinite(value):
        raise NoisetteError(
            f"the loss became {value} in epoch {epoch + 1}; lower the learning rate, warm up longer or clip gradients"
        )
    return value


def _lasting(recipe: TrainingRecipe) -> dict[str, Any]:
    """What a checkpoint depends on: all but how samples are loaded."""
    return {name: value for name, value in asdict(recipe).items() if name != "num_workers"}


def _process() -> tuple[int, int]:
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    return 0, 1
