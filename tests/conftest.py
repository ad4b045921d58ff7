"""Shapes and dtypes in jaxtyping annotations are checked while tests run, and only then; no test is timed."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import settings
from jaxtyping import install_import_hook

# Before anything imports these rooms, so that every annotated function in them is checked.
install_import_hook(["noisette.functional", "noisette.verifier.cleannet.network"], "beartype.beartype")

# A busy machine would miss any deadline.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(autouse=True)
def _same_draws_in_any_order() -> None:
    """Start each test from the same global generators: what an earlier one drew must not make the next one fail."""
    import torch

    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    torch.manual_seed(0)
