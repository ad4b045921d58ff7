"""A training of a second, with everything in it that draws at random; run as a script, in one or several processes.

``python small_training.py FOLDER CASE [KILL]``: KILL = n kills the process with signal 9 at its n-th moment: after each
step, before each flush to disk and before each file is moved to its place; 0 never does. `torchrun` starts several.
"""

from __future__ import annotations

import os
import random
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.utils.data import Dataset

from noisette.training import TrainedClassifier, TrainingRecipe, train_classifier

CLASSES = 3
PLAIN = TrainingRecipe(epochs=2, batch_size=4, momentum=0.0, weight_decay=0.0, learning_rate=0.1)
CASES = {
    "sgd": TrainingRecipe(epochs=3, batch_size=4, mixup=0.4, ema_decay=0.9),
    "adamw": TrainingRecipe(
        epochs=3, batch_size=4, optimizer="adamw", learning_rate=0.01, clip_norm=1.0, label_smoothing=0.1,
        sampling="balanced",
    ),
    "workers": TrainingRecipe(epochs=2, batch_size=4, ema_decay=0.9, num_workers=1),
    "steps": TrainingRecipe(epochs=3, batch_size=5, schedule="steps", step_epochs=(1,), momentum=0.0),
    "bfloat16": TrainingRecipe(epochs=2, batch_size=4, precision="bfloat16"),
    "float16": TrainingRecipe(epochs=2, batch_size=4, precision="float16"),
    "plain": PLAIN,
    "plain, twice the batch": replace(PLAIN, batch_size=8),
}  # fmt: skip


class Pictures(Dataset[tuple[Any, ...]]):
    """Pictures of (3, 6, 6) whose class can be learned; augmentations draw from all three global generators."""

    def __init__(self, size: int = 22, *, weighted: bool = True, augment: bool = True, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.labels = rng.permutation(np.arange(size) % CLASSES)
        centers = np.random.default_rng(99).normal(size=(CLASSES, 3, 6, 6))
        noise = rng.normal(size=(size, 3, 6, 6))
        self.pictures = torch.tensor(centers[self.labels] + noise, dtype=torch.float32)
        self.sample_weight = rng.random(size)
        self.weighted, self.augment = weighted, augment

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, row: int) -> tuple[Any, ...]:
        picture = self.pictures[row]
        if self.augment:
            picture = picture * random.uniform(0.8, 1.2) + 0.1 * torch.randn(3, 1, 1)
            if np.random.rand() < 0.5:  # noqa: NPY002
                picture = picture.flip(-1)
        sample = (picture, int(self.labels[row]))
        return (*sample, float(self.sample_weight[row])) if self.weighted else sample


def network(*, norm: bool = True, dropout: float = 0.3) -> nn.Module:
    """The same one at each call."""
    with torch.random.fork_rng():
        torch.manual_seed(5)
        return nn.Sequential(
            nn.Conv2d(3, 4, 3),
            nn.BatchNorm2d(4) if norm else nn.Identity(),
            nn.ReLU(),
            nn.Flatten(),
            nn.Dropout(dropout),
            nn.Linear(64, CLASSES),
        )


def train_case(case: str, folder: Path | None = None, **options: Any) -> TrainedClassifier:
    """Train the network by a recipe of `CASES`; "plain": nothing of it knows its own batch."""
    model = network(norm=not case.startswith("plain"), dropout=0.0 if case.startswith("plain") else 0.3)
    validation = Pictures(10, weighted=False, augment=False, seed=1)
    data = Pictures()
    return train_classifier(
        model, data, recipe=CASES[case], validation=validation, folder=folder, checkpoint_steps=2, random_state=3,
        labels=data.labels, **options,
    )  # fmt: skip


def state_of(trained: TrainedClassifier) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in trained.model.state_dict().items()}


def global_states() -> tuple[Any, ...]:
    """What the global generators of Python, NumPy and torch would draw next."""
    of_numpy: Any = np.random.get_state()  # noqa: NPY002
    return random.getstate(), of_numpy[1].tolist(), of_numpy[2], torch.get_rng_state().tolist()


class _Killer:
    """Kills this very process at the n-th moment."""

    def __init__(self, moment: int) -> None:
        self.left = moment

    def __call__(self, *_: object) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def before(self, name: str) -> None:
        act = getattr(os, name)

        def counting(*arguments: Any, **options: Any) -> Any:
            self()
            return act(*arguments, **options)

        setattr(os, name, counting)


def _main(folder: Path, case: str, kill: int = 0) -> None:
    torch.set_num_threads(1)
    killer = _Killer(kill)
    for name in ("fsync", "replace"):
        killer.before(name)
    rank = int(os.environ.get("RANK", "0"))
    if "RANK" in os.environ:
        torch.distributed.init_process_group("gloo")
    trained = train_case(case, folder, progress=killer)
    losses = torch.tensor([[record.loss, record.metrics["nll"]] for record in trained.history], dtype=torch.float64)
    save_file(state_of(trained) | {"history": losses}, folder / f"result{rank}.safetensors")
    if "RANK" in os.environ:
        torch.distributed.barrier()
        # To take a gloo group down is to join its threads with the interpreter's lock in hand, which one may want.
        os._exit(0)


if __name__ == "__main__":
    _main(Path(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:]))
