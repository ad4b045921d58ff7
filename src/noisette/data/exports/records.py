"""What a writer of a cleaned data set gets, and what it gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from noisette.data.exports.journal import Journal
from noisette.types import BadRows, Float64Array, IntArray, Progress, silent

Link = Literal["hard", "sym", "copy"]
"""How a picture that is a file of its own gets into an image folder."""


@dataclass(frozen=True, eq=False)
class ExportSamples:
    """N samples with what was decided on them, and which of them to write.

    Attributes:
        root: the folder that `uris` are relative to.
        class_names: names of the K classes.
        keys, uris: (N,) who they are and where their pictures are.
        given_labels: (N,) class ids as they were.
        labels: (N,) class ids as they are to be.
        label_quality: (N,) P(given label is correct) in [0, 1]; NaN where not known.
        sample_weight: (N,) weights >= 0 for training under `labels`.
        splits: the rows to write of each split, in order; no split is empty.
    """

    root: Path
    class_names: tuple[str, ...]
    keys: list[str]
    uris: list[str]
    given_labels: IntArray
    labels: IntArray
    label_quality: Float64Array
    sample_weight: Float64Array
    splits: Mapping[str, IntArray]

    @property
    def num_rows(self) -> int:
        """Number of samples to write."""
        return sum(rows.size for rows in self.splits.values())


@dataclass(frozen=True, eq=False)
class ExportJob:
    """One export under way.

    Attributes:
        samples: what to write.
        folder: an existing folder of ours to write into; what a stopped export left in it is taken up.
        journal: which shards are whole.
        bad_rows: takes the pictures that cannot be read.
        progress: called as ``progress("export", done, total)``.
        link: how files get into an image folder.
        fingerprint: hexadecimal digits that name this very export.
    """

    samples: ExportSamples
    folder: Path
    journal: Journal
    bad_rows: BadRows
    progress: Progress = silent
    link: Link = "copy"
    fingerprint: str = "0"


@dataclass(frozen=True)
class ExportFacts:
    """What a writer did.

    Attributes:
        split_names: the name under which each split was written.
        folders: image folders: the folder of each class that has samples.
        notes: what a person should know.
    """

    split_names: dict[str, str]
    folders: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
