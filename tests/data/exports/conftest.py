"""Samples to export, in every form that a picture can have."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from noisette.data.exports import FORMATS, ExportFacts, ExportJob, ExportSamples, Journal, Link
from noisette.types import BadRows
from tests.pipeline.exporting.pictures import add_pieces, picture_of

CLASS_NAMES = ("zebra", "Apple", "apple", "a/b")


@pytest.fixture
def samples(tmp_path: Path) -> ExportSamples:
    """Eight of nine samples: row 2 is dropped, and row 3 has another label than it had."""
    root = tmp_path / "source"
    keys = ["zebra/1.png", "zebra/2.png", "zebra/3.png", "Apple/1.png", "apple/1.png", "a/b/1.png", "noending"]
    for number, key in enumerate(keys):
        (root / key).parent.mkdir(parents=True, exist_ok=True)
        picture_of(number).save(root / key, format="PNG")
    pieces = add_pieces(root)
    return ExportSamples(
        root,
        CLASS_NAMES,
        [*keys, *(row.key for row in pieces)],
        [*keys, *(row.uri or "" for row in pieces)],
        given_labels=np.array([0, 0, 0, 1, 2, 3, 0, 0, 1]),
        labels=np.array([0, 0, -1, 0, 2, 3, 0, 0, 1]),
        label_quality=np.array([0.5, 1.0, 0.0, 0.1, math.nan, 0.25, 0.5, 0.5, 0.5]),
        sample_weight=np.array([0.5, 1.0, 0.0, 0.9, 1.0, 0.25, 0.5, 0.5, 2.0]),
        splits={"train": np.array([0, 1, 3, 4, 5, 7]), "test": np.array([6, 8])},
    )


def without_pieces(samples: ExportSamples) -> ExportSamples:
    return replace(samples, splits={"train": samples.splits["train"][:-1], "test": np.array([6])})


def write(samples: ExportSamples, name: str, folder: Path, link: Link = "copy") -> ExportFacts:
    folder.mkdir()
    journal = Journal(folder.with_name(f"{folder.name}.journal"))
    bad_rows = BadRows(on_error="stop")
    return FORMATS[name](ExportJob(samples, folder, journal, bad_rows, link=link, fingerprint="0123456789abcdef"))


def pixels_of(row: int) -> np.ndarray:
    """Give the pixels of a row's picture; those of the JPEG in the tar (row 7) are only nearly these."""
    return np.asarray(picture_of(row if row < 7 else 93 + row))
