"""Training a classifier on labels with weights: a plain loop, which can be stopped at any step."""

from __future__ import annotations

import hashlib
import math
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from noisette.errors import InvalidInputError, NoisetteError
from noisette.training.batches import TrainingBatches, map_style_size
from noisette.training.checkpoints import EpochRecord, Position, TrainingState, load_checkpoint, save_checkpoint
from noisette.training.evaluation import ClassifierMetrics, evaluate_classifier
from noisette.training.losses import batch_loss, mixed
from noisette.training.optimizers import make_optimizer, moving_average, set_training_mode
from noisette.training.processes import check_same_start, mean_over_processes, share_buffers, this_process
from noisette.training.randomness import derived_seed, own_randomness, seed_everything
from noisette.training.recipe import TrainingRecipe, learning_rate_at
from noisette.training.weighted_dataset import WeightedDataset
from noisette.types import Float64Array, IntArray, Progress, as_numpy, silent


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
    for name, value, least in (("checkpoint_steps", checkpoint_steps, 1), ("random_state", random_state, 0)):
        if value < least:
            raise InvalidInputError(f"`{name}` must be at least {least}, got {value}")
    if validation is not None:
        map_style_size(validation, "validation")
    recipe, device = recipe or TrainingRecipe(), torch.device(device)
    rank, world_size = this_process()
    batches = TrainingBatches(
        train, recipe, random_state, labels=labels, weights=weights, rank=rank, world_size=world_size,
        pin_memory=device.type == "cuda",
    )  # fmt: skip
    set_training_mode(model.to(device))
    optimizer = make_optimizer(model, recipe)
    scaler = torch.amp.GradScaler(device.type, enabled=recipe.precision == "float16")
    average = moving_average(model, recipe.ema_decay) if recipe.ema_decay is not None else None
    modules = {"model": model} | ({"average": average} if average is not None else {})
    state = TrainingState(modules, optimizer, scaler)
    about = _about(recipe, train, labels, weights) | {
        "random_state": random_state,
        "number of samples": batches.size,
        "number of processes": world_size,
        "multilabel": multilabel,
    }
    position = load_checkpoint(Path(folder), state, about) if folder else Position()
    check_same_start(position, Path(folder or "."))
    parallel = DistributedDataParallel(model) if world_size > 1 else model
    kept = average.module if average is not None else model
    metrics: ClassifierMetrics | None = None

    def evaluate(epoch: int) -> ClassifierMetrics | None:
        if validation is None:
            return None
        seed_everything(derived_seed(random_state, epoch, batches.steps), device)
        return evaluate_classifier(
            kept, validation, num_workers=recipe.num_workers, device=device, multilabel=multilabel
        )

    def checkpoint() -> None:
        if folder and rank == 0:
            save_checkpoint(Path(folder), position, state, about)

    with own_randomness():
        for epoch in range(position.epoch, recipe.epochs):
            # The loss is looked at rarely: a GPU would wait.
            total = torch.tensor(position.loss, dtype=torch.float64, device=device)
            for images, targets, weight in batches.epoch(epoch, position.step):
                seed_everything(derived_seed(random_state, epoch, position.step, rank), device)
                rate = learning_rate_at(recipe, epoch + (position.step + 0.5) / batches.steps)
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
                if rank == 0:
                    progress("train", epoch * batches.steps + position.step, recipe.epochs * batches.steps)
                if position.step % checkpoint_steps == 0 and position.step < batches.steps:
                    position.loss = _finite(total, model, epoch)
                    total.fill_(position.loss)
                    checkpoint()
            position.loss = _finite(total, model, epoch)
            share_buffers(modules.values())
            metrics = evaluate(epoch)
            numbers = metrics.as_numbers() if metrics else {}
            position.history.append(EpochRecord(epoch + 1, position.loss / batches.steps, rate, numbers))
            position.epoch, position.step, position.loss = epoch + 1, 0, 0.0
            checkpoint()
        metrics = metrics or evaluate(recipe.epochs - 1)  # where there was nothing left to train
    return TrainedClassifier(kept.eval(), tuple(position.history), metrics)


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


def _finite(total: Tensor, model: nn.Module, epoch: int) -> float:
    """Give the sum of losses, the mean over processes."""
    value = mean_over_processes(total)
    finite = all(bool(parameter.isfinite().all()) for parameter in model.parameters())
    if not (math.isfinite(value) and finite):
        what = "a parameter of the model" if math.isfinite(value) else "the loss"
        raise NoisetteError(
            f"{what} became NaN or infinite in epoch {epoch + 1}; lower the learning rate, warm up longer or clip "
            "gradients, and see that no picture holds NaN"
        )
    return value


def _about(recipe: TrainingRecipe, train: Any, labels: IntArray | None, weights: Float64Array | None) -> dict[str, Any]:
    """What a checkpoint depends on: all but how samples are loaded, as far as it can be told without loading them."""
    options = {name: value for name, value in asdict(recipe).items() if name != "num_workers"}
    inner = train.dataset if isinstance(train, WeightedDataset) else train
    return options | {
        "`labels`": _hash(labels),
        "`weights`": _hash(weights),
        "weights of the samples": _hash(getattr(train, "weights", None)),
        "targets of the samples": _hash(getattr(inner, "targets", None)),
    }


def _hash(values: Any) -> str:
    """Give a hash of numbers in an array, a tensor or a list; anything else is not compared."""
    if values is None:
        return "none"
    try:
        array = as_numpy(values)
    except (TypeError, ValueError):
        return "not compared"
    if array.dtype.kind not in "biuf":
        return "not compared"
    return hashlib.sha256(f"{array.dtype} {array.shape}".encode() + array.tobytes()).hexdigest()[:16]
