"""A training on disk: all that the next step depends on, in safetensors, so that nothing in it is ever run."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from noisette.errors import DataFileError
from noisette.files import atomic_path

FORMAT = 2
CHECKPOINT = "checkpoint.safetensors"


@dataclass(frozen=True)
class EpochRecord:
    """What an epoch gave.

    Attributes:
        epoch: from 1.
        loss: mean weighted loss of its steps.
        learning_rate: at its end.
        metrics: of the validation set; empty without one.
        terms: of the training, beside its loss: what the loss is made of; empty where it is one thing.
    """

    epoch: int
    loss: float
    learning_rate: float
    metrics: dict[str, float] = field(default_factory=dict)
    terms: dict[str, float] = field(default_factory=dict)


@dataclass
class Position:
    """How far a training has come: `step` steps of epoch `epoch` (from 0), whose losses sum to `loss`."""

    epoch: int = 0
    step: int = 0
    loss: float = 0.0
    history: list[EpochRecord] = field(default_factory=list)


@dataclass(frozen=True)
class TrainingState:
    """What changes while a model is trained: it and its average, the optimizer, the scale of float16 losses."""

    modules: dict[str, nn.Module]
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler


def save_checkpoint(folder: Path, position: Position, state: TrainingState, about: dict[str, Any]) -> None:
    """Write one file, whole or not at all.

    Args:
        folder: where to.
        position: how far the training has come.
        state: its parts.
        about: what the training is of, which `load_checkpoint` compares: words a user knows -> JSON.
    """
    tensors = {
        f"{part}/{name}": value for part, module in state.modules.items() for name, value in module.state_dict().items()
    }
    for index, slots in state.optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{index}/{name}": value for name, value in slots.items() if isinstance(value, Tensor)}
    scale = state.scaler.state_dict()
    text = json.dumps({"format": FORMAT, "position": asdict(position), "scaler": scale, "about": about}, sort_keys=True)
    with atomic_path(folder / CHECKPOINT) as temporary:
        save_file(
            {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()},
            temporary,
            metadata={"noisette": text},
        )


def load_checkpoint(folder: Path, state: TrainingState, about: dict[str, Any]) -> Position:
    """Put a saved training back into its parts; the start where there is none.

    Raises:
        DataFileError: it is damaged, or of another recipe, seed, model or data.
    """
    path = folder / CHECKPOINT
    if not path.exists():
        return Position()
    saved, tensors = _read(path)
    for name, value in json.loads(json.dumps(about)).items():
        before = saved["about"].get(name)
        if before != value:
            raise _of_another(path, f"{name} ({before}, now {value})")
    try:
        for part, module in state.modules.items():
            module.load_state_dict(_part(tensors, part))
    except RuntimeError as error:
        raise _of_another(path, f"model ({' '.join(str(error).split())})") from error
    slots: dict[int, dict[str, Tensor]] = {}
    for name, value in _part(tensors, "optimizer").items():
        index, _, slot = name.partition("/")
        slots.setdefault(int(index), {})[slot] = value
    state.optimizer.load_state_dict(state.optimizer.state_dict() | {"state": slots})
    state.scaler.load_state_dict(saved["scaler"])
    position = saved["position"]
    return Position(**position | {"history": [EpochRecord(**record) for record in position["history"]]})


def _of_another(path: Path, what: str) -> DataFileError:
    return DataFileError(path, f"is of a training with another {what}; give another `folder`, or remove the file")


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    try:
        with safe_open(path, framework="pt") as file:
            saved = json.loads(file.metadata()["noisette"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise DataFileError(path, f"is damaged ({error}); remove it to start again") from error
    if saved.get("format") != FORMAT:
        raise DataFileError(path, "was written by another version of noisette; remove it to start again")
    return saved, tensors


def _part(tensors: dict[str, Tensor], part: str) -> dict[str, Tensor]:
    return {name.removeprefix(f"{part}/"): value for name, value in tensors.items() if name.startswith(f"{part}/")}
