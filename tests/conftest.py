"""Shapes and dtypes in jaxtyping annotations are checked while tests run, and only then."""

from __future__ import annotations

from pathlib import Path

import pytest
from jaxtyping import install_import_hook

# Before anything imports these rooms, so that every annotated function in them is checked.
install_import_hook(["noisette.functional", "noisette.verifier.cleannet"], "beartype.beartype")

SHARED = Path(__file__).resolve().parents[1] / ".." / "shared"


@pytest.fixture
def shared() -> Path:
    """The folder of measured data and golden numbers, which is not part of the repository."""
    if not SHARED.is_dir():
        pytest.skip(f"needs the data in {SHARED.name}/ beside the repository, which is not there")
    return SHARED
