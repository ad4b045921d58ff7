"""The training loop, which can be stopped at any step; what is minimised is an objective's business."""

from __future__ import annotations

import hashlib
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar, cast

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from noisette.errors import InvalidInputError, NoisetteError
from noisette.training.batches import TrainingBatches, map_style_size
from noisette.training.checkpoints import EpochRecord, Position, TrainingState, load_checkpoint, save_checkpoint
from noisette.training.evaluation import ClassifierMetrics, evaluate_classifier
from noisette.training.optimizers import make_optimizer, moving_average, set_training_mode
from noisette.training.processes import check_same_start, mean_over_processes, share_buffers, this_process
from noisette.training.randomness import derived_seed, own_randomness, seed_everything
from noisette.training.recipe import TrainingRecipe, learning_rate_at
from noisette.training.weighted_dataset import WeightedDataset
from noisette.types import Float64Array, IntArray, Progress, as_numpy

M = TypeVar("M", bound=nn.Module)
_LOWER = {"float32": None, "bfloat16": torch.bfloat16, "float16": torch.float16}


class Objective(Protocol[M]):
    """What a training minimises.

    All that changes from step to step lies in the parameters and buffers of `learner`: they are what a checkpoint
    holds, and what makes a stopped training go on as if nothing had been.
    """

    @property
    def learner(self) -> M:
        """The module whose parameters are optimised, averaged and kept."""

    def before_step(self, epoch: int, step: int) -> None:
        """Do what has to be done before a step, counted from 0; it may draw from the global generators."""

    def loss(self, learner: nn.Module, images: Tensor, targets: Tensor, weight: Tensor) -> Tensor:
        """Give the loss of a batch; `learner` is the module, or what shares it among processes."""

    def classifier(self, learner: M) -> nn.Module:
        """Give the part of the learner, or of its moving average, that is measured on the validation set."""

    def end_epoch(self) -> dict[str, float]:
        """Give what the record of an epoch says beside its loss."""


@dataclass(frozen=True)
class LoopOptions:
    """What `run_loop` is told beside the objective and its batches; see `train_classifier`."""

    recipe: TrainingRecipe
    device: torch.device
    random_state: int
    validation: Any
    multilabel: bool
    folder: Path | None
    checkpoint_steps: int
    about: dict[str, Any]
    progress: Progress

    def __post_init__(self) -> None:
        least_of = (("checkpoint_steps", self.checkpoint_steps, 1), ("random_state", self.random_state, 0))
        for name, value, least in least_of:
            if value < least:
                raise InvalidInputError(f"`{name}` must be at least {least}, got {value}")
        if self.validation is not None:
            map_style_size(self.validation, "validation")


@dataclass(frozen=True, eq=False)
class Finished(Generic[M]):
    """A training that is done: the learner (the moving average, where there is one), its history, its last metrics."""

    learner: M
    history: tuple[EpochRecord, ...]
    metrics: ClassifierMetrics | None


def run_loop(objective: Objective[M], batches: TrainingBatches, options: LoopOptions) -> Finished[M]:
    """Minimise an objective over the batches of a recipe; go on from the checkpoint where there is one.

    Raises:
        InvalidInputError: no parameter learns.
        DataFileError: the checkpoint is damaged, or of another training.
        NoisetteError: the loss, or a parameter, is not finite.
    """
    recipe, device, folder, seed = options.recipe, options.device, options.folder, options.random_state
    rank, world_size = this_process()
    learner = objective.learner
    set_training_mode(learner.to(device))
    optimizer = make_optimizer(learner, recipe)
    scaler = torch.amp.GradScaler(device.type, enabled=recipe.precision == "float16")
    average = moving_average(learner, recipe.ema_decay) if recipe.ema_decay is not None else None
    modules: dict[str, nn.Module] = {"model": learner} | ({"average": average} if average is not None else {})
    state = TrainingState(modules, optimizer, scaler)
    about = options.about | {
        "random_state": seed,
        "number of samples": batches.size,
        "number of processes": world_size,
        "multilabel": options.multilabel,
    }
    position = load_checkpoint(folder, state, about) if folder else Position()
    check_same_start(position, folder or Path())
    parallel = DistributedDataParallel(learner) if world_size > 1 else learner
    kept = cast("M", average.module) if average is not None else learner
    metrics: ClassifierMetrics | None = None

    def evaluate(epoch: int) -> ClassifierMetrics | None:
        if options.validation is None:
            return None
        seed_everything(derived_seed(seed, epoch, batches.steps), device)
        return evaluate_classifier(
            objective.classifier(kept), options.validation, num_workers=recipe.num_workers, device=device,
            multilabel=options.multilabel,
        )  # fmt: skip

    def checkpoint() -> None:
        if folder and rank == 0:
            save_checkpoint(folder, position, state, about)

    with own_randomness():
        for epoch in range(position.epoch, recipe.epochs):
            # The loss is looked at rarely: a GPU would wait.
            total = torch.tensor(position.loss, dtype=torch.float64, device=device)
            for images, targets, weight in batches.epoch(epoch, position.step):
                objective.before_step(epoch, position.step)
                seed_everything(derived_seed(seed, epoch, position.step, rank), device)
                rate = learning_rate_at(recipe, epoch + (position.step + 0.5) / batches.steps)
                for group in optimizer.param_groups:
                    group["lr"] = rate
                images, targets, weight = (part.to(device, non_blocking=True) for part in (images, targets, weight))
                if recipe.sampling == "weighted":
                    weight = torch.ones_like(weight)
                loss = objective.loss(parallel, images, targets, weight)
                optimizer.zero_grad()
                scaler.scale(loss).backward()
                if recipe.clip_norm is not None:
                    scaler.unscale_(optimizer)
                    nn.utils.clip_grad_norm_(learner.parameters(), recipe.clip_norm)
                scaler.step(optimizer)
                scaler.update()
                if average is not None:
                    average.update_parameters(learner)
                total += loss.detach()
                position.step += 1
                if rank == 0:
                    options.progress("train", epoch * batches.steps + position.step, recipe.epochs * batches.steps)
                if position.step % options.checkpoint_steps == 0 and position.step < batches.steps:
                    position.loss = _finite(total, learner, epoch)
                    total.fill_(position.loss)
                    checkpoint()
            position.loss = _finite(total, learner, epoch)
            share_buffers(modules.values())
            terms = objective.end_epoch()
            metrics = evaluate(epoch)
            numbers = metrics.as_numbers() if metrics else {}
            position.history.append(EpochRecord(epoch + 1, position.loss / batches.steps, rate, numbers, terms))
            position.epoch, position.step, position.loss = epoch + 1, 0, 0.0
            checkpoint()
        metrics = metrics or evaluate(recipe.epochs - 1)  # where there was nothing left to train
    kept.eval()
    return Finished(kept, tuple(position.history), metrics)


def lower_precision(recipe: TrainingRecipe, images: Tensor) -> torch.autocast:
    """Give the context of the recipe's forward pass."""
    lower = _LOWER[recipe.precision]
    return torch.autocast(images.device.type, dtype=lower, enabled=lower is not None)


def about_training(
    recipe: TrainingRecipe, train: Any, labels: IntArray | None, weights: Float64Array | None
) -> dict[str, Any]:
    """What a checkpoint depends on: all but how samples are loaded, as far as it can be told without loading them."""
    options = {name: value for name, value in asdict(recipe).items() if name != "num_workers"}
    inner = train.dataset if isinstance(train, WeightedDataset) else train
    return options | {
        "`labels`": hash_of(labels),
        "`weights`": hash_of(weights),
        "weights of the samples": hash_of(getattr(train, "weights", None)),
        "targets of the samples": hash_of(getattr(inner, "targets", None)),
    }


def hash_of(values: Any) -> str:
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


def _finite(total: Tensor, learner: nn.Module, epoch: int) -> float:
    """Give the sum of losses, the mean over processes."""
    value = mean_over_processes(total)
    finite = all(bool(parameter.isfinite().all()) for parameter in learner.parameters())
    if not (math.isfinite(value) and finite):
        what = "a parameter of the model" if math.isfinite(value) else "the loss"
        raise NoisetteError(
            f"{what} became NaN or infinite in epoch {epoch + 1}; lower the learning rate, warm up longer or clip "
            "gradients, and see that no picture holds NaN"
        )
    return value
