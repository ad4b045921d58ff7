"""A user's own network, named by the function that makes it."""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from noisette.errors import DataFileError, InvalidInputError, NoisetteError
from noisette.features.timm_import import with_operators
from noisette.features.transforms import Transform

_FILE = re.compile(r"(.+\.py):([A-Za-z_]\w*)")
_MODULE = re.compile(r"([A-Za-z_][\w.]*):([A-Za-z_]\w*)")


def is_user_model(name: str) -> bool:
    """Tell whether `name` is ``FILE.py:function`` or ``package.module:function``."""
    return _FILE.fullmatch(name) is not None or _MODULE.fullmatch(name) is not None


def source_file(name: str) -> Path | None:
    """Give the file of ``FILE.py:function``, else None."""
    found = _FILE.fullmatch(name)
    return Path(found[1]) if found is not None else None


def user_model(name: str) -> tuple[nn.Module, Transform | None]:
    """Call the function that `name` names; it gives a module, or a module and the transform for its pictures.

    Raises:
        DataFileError: there is no such file.
        InvalidInputError: there is no such function, it fails, or it gives something else.
    """
    try:
        made = with_operators(lambda: _function(name)())
    except NoisetteError:
        raise
    except Exception as error:  # somebody else's code; its traceback is the cause of ours
        raise InvalidInputError(f"{name} failed: {type(error).__name__}: {error}") from error
    model, transform = made if isinstance(made, tuple) and len(made) == 2 else (made, None)
    if not isinstance(model, nn.Module):
        raise InvalidInputError(
            f"{name} must give a torch.nn.Module, or one and its transform, got {type(made).__name__}"
        )
    if transform is not None and not callable(transform):
        raise InvalidInputError(f"the transform that {name} gives must be callable, got {type(transform).__name__}")
    return model, transform


def _function(name: str) -> Callable[[], Any]:
    path = source_file(name)
    place, _, attribute = name.rpartition(":")
    module = _load(path) if path is not None else _import(place)
    function: Any = getattr(module, attribute, None)
    if not callable(function):
        raise InvalidInputError(f"{place} has no function {attribute!r}")
    made: Callable[[], Any] = function
    return made


def _import(place: str) -> ModuleType:
    try:
        return importlib.import_module(place)
    except ImportError as error:
        raise InvalidInputError(f"module {place!r} cannot be imported ({error}); is it installed?") from error


def _load(path: Path) -> ModuleType:
    """Run a file as a module of its own name.

    Its folder goes on the search path: it may import its neighbours, and worker processes find what it defines.
    """
    if not path.is_file():
        raise DataFileError(path, "does not exist; check the path")
    path = path.resolve()
    known = sys.modules.get(path.stem)
    if known is not None and getattr(known, "__file__", None) != str(path):
        raise DataFileError(path, f"has the name of a module that is imported already ({path.stem}); rename the file")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise DataFileError(path, "is no Python file")
    module = importlib.util.module_from_spec(spec)
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module
