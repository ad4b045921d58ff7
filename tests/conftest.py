"""Shapes and dtypes in jaxtyping annotations are checked while tests run, and only then."""

from __future__ import annotations

from jaxtyping import install_import_hook

# Before anything imports these rooms, so that every annotated function in them is checked.
install_import_hook(["noisette.functional", "noisette.verifier.cleannet.network"], "beartype.beartype")
