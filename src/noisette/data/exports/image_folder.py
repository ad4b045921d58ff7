"""A folder a split, in it a folder a class: what `torchvision.datasets.ImageFolder` reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np

from noisette.data.exports.links import PictureFiles
from noisette.data.exports.names import distinct, file_stems, safe_names, split_names
from noisette.data.exports.pictures import FOLDER_ENDINGS, Picture, check_place, find_picture, is_own_file, read_picture
from noisette.data.exports.records import ExportFacts, ExportJob, ExportSamples
from noisette.data.exports.shards import Entry, num_written, write_shards
from noisette.types import IntArray

BLOCK_SAMPLES = 1_000
BLOCK_BYTES = 256 << 20
"""Files are flushed to the disk together, so many at a time."""


def write_image_folder(job: ExportJob) -> ExportFacts:
    """Write ``<split>/<class>/<name>.jpg``; names of classes and files are made safe and told apart.

    Files are links or copies, as `job.link` says; pictures that are no files of their own are always written anew.
    """
    job = _class_by_class(job)
    names = split_names(job.samples.splits)
    folders = safe_names(job.samples.class_names)
    files = PictureFiles(job.folder, job.link)
    for split, name in names.items():
        writer = _SplitWriter(job, files, name, folders, _Stems(job.samples, split))
        write_shards(
            job,
            split,
            lambda _number: "",
            writer.write,
            writer.fetch,
            max_samples=BLOCK_SAMPLES,
            max_bytes=BLOCK_BYTES,
        )
    used = np.unique(np.concatenate([job.samples.labels[rows] for rows in job.samples.splits.values()])).tolist()
    by_class = {job.samples.class_names[label]: folders[label] for label in used}
    return ExportFacts(names, by_class, _notes(job, names))


@dataclass(frozen=True, eq=False)
class _SplitWriter:
    """Puts the pictures of one split into their places."""

    job: ExportJob
    files: PictureFiles
    split_name: str
    folders: Sequence[str]
    stems: _Stems

    def fetch(self, row: int) -> Picture:
        """Read a picture, or only look at it where it will be linked to."""
        root, uri = self.job.samples.root, self.job.samples.uris[row]
        check_place(uri)
        if self.job.link != "copy" and is_own_file(uri):
            return find_picture(root, uri)
        return read_picture(root, uri)

    def write(self, folder: Path, entries: Iterator[Entry]) -> None:
        """Write or link a block of pictures, and flush them to the disk."""
        for place, row, picture in entries:
            label = int(self.job.samples.labels[row])
            name = self.stems.of(place) + _ending(self.job.samples.keys[row], picture)
            self.files.put(folder / self.split_name / self.folders[label] / name, picture)
        self.files.flush()


class _Stems:
    """File names of a split without ending, made one class folder at a time, so that few are held; rows come by class.

    No two in one class folder are alike.
    """

    def __init__(self, samples: ExportSamples, split: str) -> None:
        self._samples, self._split = samples, split
        self._labels = samples.labels[samples.splits[split]]
        self._start, self._stems = 0, list[str]()

    def of(self, place: int) -> str:
        """Give the name of the sample at this place of the split."""
        if not self._start <= place < self._start + len(self._stems):
            start, end = (int(np.searchsorted(self._labels, self._labels[place], side)) for side in ("left", "right"))
            self._start, self._stems = start, self._names(self._samples.splits[self._split][start:end])
        return self._stems[place - self._start]

    def _names(self, rows: IntArray) -> list[str]:
        samples = self._samples
        keys = [samples.keys[row] for row in rows]
        given = [(self._split, samples.class_names[label]) for label in samples.given_labels[rows]]
        return distinct(file_stems(keys, given), keys)


def _class_by_class(job: ExportJob) -> ExportJob:
    """Give the job with the rows of each split in the order of their classes."""
    labels = job.samples.labels
    splits = {split: rows[np.argsort(labels[rows], kind="stable")] for split, rows in job.samples.splits.items()}
    return replace(job, samples=replace(job.samples, splits=splits))


def _ending(key: str, picture: Picture) -> str:
    """Give the ending in the key where that fits a picture that is written as it is, else the one its bytes ask for."""
    own = PurePosixPath(key).suffix
    is_kept = picture.source is not None or own.lower() == picture.ending
    return own if is_kept and own.lower() in FOLDER_ENDINGS else picture.ending


def _notes(job: ExportJob, names: dict[str, str]) -> tuple[str, ...]:
    """Say when a reader of folders would number the classes otherwise in one split than in another."""
    found = {
        split: frozenset(np.unique(job.samples.labels[rows]).tolist()) for split, rows in job.samples.splits.items()
    }
    found = {split: classes for split, classes in found.items() if num_written(job, split)}
    if len(set(found.values())) <= 1:
        return ()
    return (
        f"not every class has samples in each of {', '.join(names[split] for split in found)}: ImageFolder numbers the "
        "folders it finds, so its class ids differ between them; map them by name, with classes.txt",
    )
