"""Importing timm, also where torchvision was built for another torch than the one that is installed."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from types import ModuleType
from typing import TypeVar

import torch

from noisette.errors import MissingExtraError

Loaded = TypeVar("Loaded")

_REMEDY = "pip install 'noisette[images]'"
_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_library: list[torch.library.Library] = []  # the operators exist as long as this object does


def import_timm() -> ModuleType:
    """Import timm.

    A torchvision wheel linked against CUDA does not load its operators beside a CPU build of torch, and then fails to
    import for want of `torchvision::nms`, which no backbone needs. On that very error the missing operators are
    declared (without any implementation) and the import is tried once more.

    Raises:
        MissingExtraError: timm or torchvision is not installed, or cannot be imported.
    """
    try:
        return with_operators(lambda: importlib.import_module("timm"))
    except ImportError as error:
        raise MissingExtraError(f"pretrained backbones need timm and torchvision ({error}); {_REMEDY}") from error
    except RuntimeError as error:
        raise _unusable(error) from error


def with_operators(load: Callable[[], Loaded]) -> Loaded:
    """Call what imports torchvision; where its operators are missing, declare them and call it once more."""
    try:
        return load()
    except RuntimeError as error:
        if "operator torchvision::" not in str(error):
            raise
    _forget_half_imported()
    _declare_operators()
    return load()


def _unusable(error: Exception) -> MissingExtraError:
    return MissingExtraError(
        f"timm cannot be imported ({error}); torch {torch.__version__} and torchvision do not fit each other: "
        f"install them together, {_REMEDY}"
    )


def _forget_half_imported() -> None:
    for name in [name for name in sys.modules if name.split(".")[0] in ("torchvision", "timm")]:
        del sys.modules[name]


def _declare_operators() -> None:
    library = torch.library.Library("torchvision", "FRAGMENT")
    for schema in _SCHEMAS:
        if not hasattr(torch.ops.torchvision, schema.split("(")[0]):
            library.define(schema)
    _library.append(library)
