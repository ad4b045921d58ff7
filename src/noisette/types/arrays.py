"""Array types that signatures share. N samples, B batch, D features, E embedding, K classes, R references."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.floating[Any]]
Float32Array: TypeAlias = npt.NDArray[np.float32]
Float64Array: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]
HashArray: TypeAlias = npt.NDArray[np.uint64]
BoolArray: TypeAlias = npt.NDArray[np.bool_]

ArrayLike: TypeAlias = Any
"""A numpy array, a torch tensor on any device, or a (nested) sequence of numbers."""

RandomState: TypeAlias = int | np.random.Generator

Progress: TypeAlias = Callable[[str, int, int], None]
"""Called as ``progress(what, done, total)``; `total` 0 means unknown. It may raise to stop the work."""

CORRECT, MISLABELLED, UNVERIFIED = 1, 0, -1
"""Values of a verification label."""

NOT_KNOWN, NONE_OF_THE_CLASSES = -1, -2
"""Values of a correct label that name no class."""


def silent(_what: str, _done: int, _total: int) -> None:
    """Report progress to nobody."""


def as_numpy(values: ArrayLike) -> npt.NDArray[Any]:
    """Give `values` as a numpy array, without a copy where possible and without importing torch."""
    detach = getattr(values, "detach", None)
    if detach is not None:
        tensor = detach().cpu()
        # numpy has no bfloat16; every one of its numbers is a float32.
        values = (tensor.float() if str(tensor.dtype) == "torch.bfloat16" else tensor).numpy()
    return np.asarray(values)


def as_generator(random_state: RandomState) -> np.random.Generator:
    """Give a numpy generator: a given one as it is, or a new one from an integer seed."""
    if isinstance(random_state, np.random.Generator):
        return random_state
    return np.random.default_rng(random_state)
