"""Who scores labels. Names are resolved on first use, so that the verifiers without a network do not load torch."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from noisette.verifier.cleannet import CleanNet as CleanNet
    from noisette.verifier.cleannet_recipe import CleanNetRecipe as CleanNetRecipe
    from noisette.verifier.cleannet_verifier import CleanNetVerifier as CleanNetVerifier
    from noisette.verifier.saving import load_verifier as load_verifier

_HOME_OF = {
    "CleanNet": "cleannet",
    "CleanNetRecipe": "cleannet_recipe",
    "CleanNetVerifier": "cleannet_verifier",
    "load_verifier": "saving",
}

__all__ = [*_HOME_OF]


def __getattr__(name: str) -> Any:
    """Import a public name from its file, the first time it is asked for."""
    if name not in _HOME_OF:
        raise AttributeError(f"module 'noisette.verifier' has no attribute {name!r}")
    value = getattr(import_module(f"noisette.verifier.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value
