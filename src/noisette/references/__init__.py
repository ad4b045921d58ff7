"""Representative features of every class. The name is resolved on first use: a bare import loads no scikit-learn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from noisette.references.kmeans import find_references as find_references

__all__ = ["find_references"]


def __getattr__(name: str) -> Any:
    """Import `find_references` the first time it is asked for."""
    if name != "find_references":
        raise AttributeError(f"module 'noisette.references' has no attribute {name!r}")
    from noisette.references.kmeans import find_references

    globals()[name] = find_references
    return find_references
