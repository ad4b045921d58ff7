"""The join of a table with the samples, by split and key."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from noisette.types import IntArray, SampleTable


def sample_rows(samples: SampleTable, splits: list[str], keys: list[str]) -> IntArray:
    """Give the row among the samples of each (split, key); -1 where there is none."""
    if keys == samples.keys and splits == samples.splits:
        return np.arange(len(keys))
    separator = "\x1f"  # no key holds a control character
    known = pc.binary_join_element_wise(pa.array(samples.splits), pa.array(samples.keys), separator)
    asked = pc.binary_join_element_wise(pa.array(splits, pa.string()), pa.array(keys, pa.string()), separator)
    found = pc.index_in(asked, value_set=known)
    rows: IntArray = pc.fill_null(found, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    return rows
