"""Writing the TSV files of the reference implementation: key, class name [, verification label], features."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from noisette.data.batches import FeatureBatch
from noisette.errors import DataFileError
from noisette.files import atomic_open


def write_reference_tsv(path: str | Path, batches: Iterable[FeatureBatch], class_names: Sequence[str]) -> int:
    """Write rows with their class names; verification labels where the batches have them; give the number of rows.

    Numbers are written with the fewest digits that read back as the same float.

    Raises:
        DataFileError: a batch has no given labels, or a key or class name holds a tab or a line end.
    """
    rows = 0
    with atomic_open(path) as file:
        for batch in batches:
            if batch.given_labels is None:
                raise DataFileError(path, "needs given labels, and the source holds none")
            file.writelines(_lines(path, batch, class_names))
            rows += len(batch.keys)
    return rows


def _lines(path: str | Path, batch: FeatureBatch, class_names: Sequence[str]) -> Iterable[str]:
    assert batch.given_labels is not None
    for i, (key, label) in enumerate(zip(batch.keys, batch.given_labels, strict=True)):
        fields = [key, class_names[label]]
        if batch.verification_labels is not None:
            fields.append(str(batch.verification_labels[i]))
        for field in fields:
            if any(character in field for character in "\t\r\n"):
                raise DataFileError(path, f"{field!r} holds a tab or a line end, which this format cannot")
        numbers = ",".join(np.format_float_positional(value, trim="0") for value in batch.features[i])
        yield "\t".join([*fields, numbers]) + "\n"
