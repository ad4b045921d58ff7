"""From columns of a feature table to numpy, without Python objects a number."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from noisette.errors import DataFileError
from noisette.types import Float32Array


def feature_rows(column: pa.Array) -> np.ndarray:
    """Give a FixedSizeList column as a (B, D) view in its stored type."""
    if column.null_count:
        raise ValueError("the features column has empty rows")
    num_features = column.type.list_size
    values = column.flatten()
    return np.asarray(values.to_numpy(zero_copy_only=True)).reshape(len(column), num_features)


def float32_rows(column: pa.Array) -> Float32Array:
    """Give a FixedSizeList column as (B, D) float32, in memory of its own: torch warns of read-only arrays."""
    return feature_rows(column).astype(np.float32)


def check_schema(path: object, schema: pa.Schema) -> None:
    """Check that a Parquet file is a feature table: `key` and `features` FixedSizeList<float16|float32>[D].

    Raises:
        DataFileError: it is not.
    """
    index = schema.get_field_index("features")
    kind = schema.field(index).type if index >= 0 else pa.null()
    stored = (pa.float16(), pa.float32(), pa.float64())
    if schema.get_field_index("key") < 0 or not pa.types.is_fixed_size_list(kind) or kind.value_type not in stored:
        raise DataFileError(
            str(path),
            "is not a feature table; expected columns `key` and `features` (FixedSizeList of float16 or float32), got "
            f"{', '.join(schema.names)}; `noisette convert` makes one",
        )
