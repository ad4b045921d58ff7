"""A training on disk: everything that the next step depends on, so that a resumed run equals an undisturbed one."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from noisette.errors import DataFileError
from noisette.files import atomic_folder, recover_folder
from noisette.verifier.cleannet.batches import Batches
from noisette.verifier.cleannet.network import CleanNet

FORMAT = 1


@dataclass
class TrainingState:
    """How far a training has come.

    Attributes:
        step: steps done.
        best_step: step with the best validation so far; 0 = none yet.
        best: its validation error in [0, 1]; infinite = none yet.
        waited: validations since then.
        done: True once training has ended, by its steps or early.
    """

    step: int = 0
    best_step: int = 0
    best: float = float("inf")
    waited: int = 0
    done: bool = False


def save_checkpoint(
    folder: Path,
    state: TrainingState,
    net: CleanNet,
    optimizer: torch.optim.Optimizer,
    batches: Batches,
    about: dict[str, Any],
) -> None:
    """Write one checkpoint folder; it is either the old one or the new one, never half of it."""
    tensors = {f"net/{name}": value for name, value in net.state_dict().items()}
    tensors |= {f"batches/{name}": value for name, value in batches.state().items()}
    tensors["generator"] = batches.generator.get_state()
    for index, slots in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{index}/{name}": value for name, value in slots.items() if value is not None}
    with atomic_folder(folder) as temporary:
        save_file(
            {name: value.detach().contiguous() for name, value in tensors.items()}, temporary / "tensors.safetensors"
        )
        text = json.dumps({"format": FORMAT, "state": asdict(state), **about}, indent=2, sort_keys=True) + "\n"
        (temporary / "checkpoint.json").write_text(text, encoding="utf-8", newline="\n")


def load_checkpoint(
    folder: Path,
    net: CleanNet,
    optimizer: torch.optim.Optimizer,
    batches: Batches,
    about: dict[str, Any],
) -> TrainingState | None:
    """Put a saved training back into its parts; None if there is none yet.

    Raises:
        DataFileError: the checkpoint is damaged, or was made by another recipe, seed or data.
    """
    recover_folder(folder)
    if not folder.exists():
        return None
    saved, tensors = _read(folder)
    for name, value in about.items():
        if saved.get(name) != json.loads(json.dumps(value)):
            raise DataFileError(
                folder, f"was made with another {name}; give another checkpoint folder, or remove this one"
            )
    net.load_state_dict(_part("net/", tensors))
    batches.load_state(_part("batches/", tensors))
    batches.generator.set_state(tensors["generator"])
    slots: dict[int, dict[str, Tensor]] = {}
    for name, value in _part("optimizer/", tensors).items():
        index, _, slot = name.partition("/")
        slots.setdefault(int(index), {})[slot] = value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": slots})
    return TrainingState(**saved["state"])


def load_network(folder: Path, net: CleanNet) -> None:
    """Put the weights of a checkpoint into a network.

    Raises:
        DataFileError: there is no checkpoint, or it is damaged.
    """
    recover_folder(folder)
    net.load_state_dict(_part("net/", _read(folder)[1]))


def _read(folder: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    try:
        saved = json.loads((folder / "checkpoint.json").read_text(encoding="utf-8"))
        tensors = load_file(folder / "tensors.safetensors")
    except (OSError, json.JSONDecodeError, UnicodeDecodeError, SafetensorError) as error:
        raise DataFileError(folder, f"is not a readable checkpoint ({error}); remove it to start again") from error
    if not isinstance(saved, dict) or saved.get("format") != FORMAT:
        raise DataFileError(folder, "is a checkpoint of another version of noisette; remove it to start again")
    return saved, tensors


def _part(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
