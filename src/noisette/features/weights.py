"""Weights from a local file into a network; nothing is ever unpickled."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from noisette.errors import DataFileError

_WRAPPERS = ("state_dict_ema", "model_ema", "state_dict", "model", "model_state_dict")
_PREFIXES = ("module.", "_orig_mod.", "model.", "backbone.")
_SHOWN = 5


def load_weights(
    model: nn.Module,
    path: str | Path,
    *,
    not_needed: Collection[str] = (),
    convert: Callable[[dict[str, Tensor]], dict[str, Tensor]] | None = None,
) -> None:
    """Load weights into `model`, in place.

    Args:
        model: the network.
        path: ``.safetensors``, or a torch file, which is read with ``weights_only=True``; the weights may lie under
            "state_dict" or "model" (averaged ones under "state_dict_ema" come first), and their names may begin with
            "module." or "model.".
        convert: what makes weights of other versions or sizes fit, where the architecture has such a function.
        not_needed: names (of modules) whose weights in the file may be left over, such as a classifier's.

    Raises:
        DataFileError: the file cannot be read without unpickling, or its weights do not fit.
    """
    state = _without_prefix(_read(Path(path)), model.state_dict())
    state = state if convert is None else convert(state)
    wanted = model.state_dict()
    missing = sorted(wanted.keys() - state.keys())
    missing = [name for name in missing if not name.endswith("num_batches_tracked")]
    left_over = sorted(name for name in state.keys() - wanted.keys() if not _is_within(name, not_needed))
    if missing or left_over:
        parts = [f"{what} {_listed(names)}" for what, names in (("lacks", missing), ("also has", left_over)) if names]
        raise DataFileError(path, f"does not fit the model: it {' and '.join(parts)}; is it of another architecture?")
    for name in wanted.keys() & state.keys():
        if wanted[name].shape != state[name].shape:
            got = f"{tuple(state[name].shape)}, the model has {tuple(wanted[name].shape)}"
            raise DataFileError(path, f"does not fit the model: {name} has shape {got}")
    model.load_state_dict({name: state[name] for name in wanted.keys() & state.keys()}, strict=False)


def _read(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise DataFileError(path, "does not exist; name a file of weights")
    try:
        found: Any = (
            load_file(path)
            if path.suffix == ".safetensors"
            else torch.load(path, map_location="cpu", weights_only=True)
        )
    except (SafetensorError, OSError, RuntimeError, ValueError, EOFError, KeyError) as error:
        raise DataFileError(path, f"is no file of weights ({type(error).__name__}: {error})") from error
    except Exception as error:  # pickle.UnpicklingError and whatever a damaged file provokes
        reason = "cannot be read without running code that it holds; save its state_dict() alone, as .safetensors"
        raise DataFileError(path, reason) from error
    inner = [found[name] for name in _WRAPPERS if isinstance(found, Mapping) and isinstance(found.get(name), Mapping)]
    found = inner[0] if inner else found
    items = found.items() if isinstance(found, Mapping) else ()
    state = {str(key): value for key, value in items if isinstance(value, Tensor)}
    if not state:
        raise DataFileError(path, "holds no weights; save the model's state_dict()")
    return state


def _without_prefix(state: dict[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Take off what wrappers put before every name, as long as that makes names fit."""
    for prefix in _PREFIXES:
        if not (state.keys() & wanted.keys()) and all(name.startswith(prefix) for name in state):
            state = {name.removeprefix(prefix): value for name, value in state.items()}
    return state


def _is_within(name: str, modules: Collection[str]) -> bool:
    return any(name == module or name.startswith(f"{module}.") for module in modules)


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
