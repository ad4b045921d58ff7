"""Heteroscedastic heads: last layers that learn how labels vary, and which classes vary together."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from noisette.heads.dense_head import HeteroscedasticHead as HeteroscedasticHead
    from noisette.heads.distribution import LogitDistribution as LogitDistribution
    from noisette.heads.replacement import replace_head as replace_head
    from noisette.heads.temperature import fit_temperature as fit_temperature
    from noisette.heads.xl_head import HeteroscedasticXLHead as HeteroscedasticXLHead

_HOME_OF = {
    "HeteroscedasticHead": "dense_head",
    "HeteroscedasticXLHead": "xl_head",
    "LogitDistribution": "distribution",
    "fit_temperature": "temperature",
    "replace_head": "replacement",
}

__all__ = [*_HOME_OF]


def __getattr__(name: str) -> Any:
    """Import a public name from its file, the first time it is asked for."""
    if name not in _HOME_OF:
        raise AttributeError(f"module 'noisette.heads' has no attribute {name!r}")
    value = getattr(import_module(f"noisette.heads.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value
