"""What every reader of an image data set gives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from noisette.types import Sample


@dataclass(frozen=True, eq=False)
class ImageDataset:
    """An image data set as a stream.

    Attributes:
        root: the folder that the samples' uris are relative to.
        class_names: names of the K classes; a class id is a place in it.
        samples: the samples, read once and lazily; entries that cannot be used go to the reader's `bad_rows` meanwhile.
    """

    root: Path
    class_names: tuple[str, ...]
    samples: Iterator[Sample]
