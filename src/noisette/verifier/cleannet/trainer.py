"""Training a CleanNet: one plain loop, read from top to bottom."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from noisette.types import Progress, silent
from noisette.verifier.cleannet.batches import Batches, CleanNetData, Pairs
from noisette.verifier.cleannet.checkpoint import TrainingState, load_checkpoint, load_network, save_checkpoint
from noisette.verifier.cleannet.log import MetricsLog
from noisette.verifier.cleannet.network import CleanNet
from noisette.verifier.cleannet.objective import objective
from noisette.verifier.cleannet.recipe import CleanNetRecipe
from noisette.verifier.cleannet.validation import validate


@dataclass(frozen=True, eq=False)
class TrainingResult:
    """What a training came to.

    Attributes:
        steps: steps done.
        best_step: step whose weights the network now has.
        validation_error: average error rate there, in [0, 1]; NaN without validation.
        history: the values logged at every validation, with their "step".
    """

    steps: int
    best_step: int
    validation_error: float
    history: list[dict[str, float]]


def train_cleannet(
    net: CleanNet,
    data: CleanNetData,
    recipe: CleanNetRecipe,
    *,
    seed: int = 0,
    validation: Pairs | None = None,
    folder: Path | None = None,
    tensorboard: Path | None = None,
    stop_at: int | None = None,
    observe: Callable[[int, CleanNet], None] | None = None,
    observe_at: Collection[int] = (),
    progress: Progress = silent,
) -> TrainingResult:
    """Train a network, in place.

    Args:
        net: an initialised network (`initialization.initialize`). With validation it ends with the weights of the best
            validation, else with the last ones.
        data: references, verified and unverified pairs.
        recipe: every setting.
        seed: decides batches and dropout.
        validation: verified pairs that take no part in training, best of classes that take none either.
        folder: keeps ``last/`` and ``best/`` checkpoints and ``metrics.jsonl``; a training found there is gone on with,
            to the same result, bit for bit, as without the interruption. None keeps nothing.
        tensorboard: folder for TensorBoard logs; needs the extra ``noisette[tensorboard]``.
        stop_at: stop after this many steps of the recipe's schedule; None = after all.
        observe: called as ``observe(steps done, net)`` at the steps of `observe_at`, 0 = before the first.
        observe_at: see `observe`.
        progress: called as ``progress("train", steps done, steps)``.

    Raises:
        NotVerifiedError: nothing is verified, and the recipe learns from nothing else.
        DataFileError: `folder` holds the training of another recipe, seed or data.
        MissingExtraError: `tensorboard` is asked for and not installed.
    """
    data = data.usable()
    generator = torch.Generator().manual_seed(seed)
    batches = Batches(data, recipe, generator)
    optimizer = _optimizer(net, recipe)
    about = {"recipe": recipe.to_json(), "seed": seed, "data": _describe(data, validation)}

    # -- go on where an earlier run was stopped ---------------------------------------------------------------------
    state = TrainingState()
    best_weights: dict[str, Tensor] | None = None
    if folder is not None:
        state = load_checkpoint(folder / "last", net, optimizer, batches, about) or state
        best_weights = _load_best(folder, net) if state.best_step else None
    history: list[dict[str, float]] = []
    last_step = recipe.num_steps if stop_at is None else min(stop_at, recipe.num_steps)
    state.done |= state.step >= last_step
    if observe is not None and state.step in observe_at:
        observe(state.step, net)

    with MetricsLog(folder and folder / "metrics.jsonl", tensorboard, state.step) as log:
        net.train()
        while not state.done:
            # -- one step -------------------------------------------------------------------------------------------
            for group in optimizer.param_groups:
                group["lr"] = recipe.learning_rate_at(state.step)
            terms = objective(net, data.references, batches.draw(), recipe, data.share_correct, generator)
            optimizer.zero_grad()
            terms["loss"].backward()
            optimizer.step()
            state.step += 1
            progress("train", state.step, last_step)
            if observe is not None and state.step in observe_at:
                observe(state.step, net)

            # -- every so often: validate, keep, log ----------------------------------------------------------------
            state.done = state.step >= last_step
            if not state.done and state.step % recipe.validation_interval:
                continue
            values = {name: float(term.detach()) for name, term in terms.items()}
            if validation is not None:
                values |= validate(net, data.references, validation)
                if _improved(state, values["validation_error"]):
                    best_weights = copy.deepcopy(net.state_dict())
                    if folder is not None:
                        save_checkpoint(folder / "best", state, net, optimizer, batches, about)
                state.done |= recipe.patience is not None and state.waited >= recipe.patience
            log.write(state.step, values)
            history.append({"step": float(state.step), **values})
            if folder is not None:
                save_checkpoint(folder / "last", state, net, optimizer, batches, about)

    if best_weights is not None:
        net.load_state_dict(best_weights)
    net.eval()
    error = state.best if state.best_step else float("nan")
    return TrainingResult(state.step, state.best_step or state.step, error, history)


def _optimizer(net: CleanNet, recipe: CleanNetRecipe) -> torch.optim.Optimizer:
    """Decay the matrices only: biases and the context vector are free."""
    groups: list[dict[str, Any]] = [
        {"params": [p for p in net.parameters() if p.ndim == 2], "weight_decay": recipe.weight_decay},
        {"params": [p for p in net.parameters() if p.ndim == 1], "weight_decay": 0.0},
    ]
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=recipe.learning_rate, momentum=recipe.momentum)
    return torch.optim.Adam(groups, lr=recipe.learning_rate)


def _improved(state: TrainingState, error: float) -> bool:
    """Take note of a validation; True if it is the best so far."""
    if error < state.best:
        state.best, state.best_step, state.waited = error, state.step, 0
        return True
    state.waited += 1
    return False


def _load_best(folder: Path, net: CleanNet) -> dict[str, Tensor]:
    best = copy.deepcopy(net)
    load_network(folder / "best", best)
    return best.state_dict()


def _describe(data: CleanNetData, validation: Pairs | None) -> dict[str, Any]:
    """Say enough about the data to notice that a checkpoint belongs to other data."""
    return {
        "references": list(data.references.shape),
        "verified": [len(data.verified), int(data.verified.labels.sum()), int(data.verified.targets.sum())],
        "unverified": [len(data.unverified), int(data.unverified.labels.sum())],
        "validation": None if validation is None else len(validation),
    }
