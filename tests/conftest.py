"""Shapes and dtypes in jaxtyping annotations are checked while tests run, and only then; no test is timed."""

from __future__ import annotations

from hypothesis import settings
from jaxtyping import install_import_hook

# Before anything imports these rooms, so that every annotated function in them is checked.
install_import_hook(["noisette.functional", "noisette.verifier.cleannet.network"], "beartype.beartype")

# A busy machine would miss any deadline.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
