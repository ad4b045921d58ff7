"""The pictures of a training: looked at once before it begins, small ones kept decoded, bad ones left out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from noisette.data.images import shown
from noisette.errors import DataFileError, InvalidInputError
from noisette.features.loading import PictureBatches, load_batches
from noisette.features.transforms import Transform
from noisette.files import atomic_open, atomic_path
from noisette.pipeline.backbone import features_state
from noisette.pipeline.creation.rows import bad_rows_policy
from noisette.pipeline.picture_notes import KeptNote, count_notes, kept_note
from noisette.pipeline.sample_rows import sample_rows
from noisette.pipeline.train_data import Normalise, PictureFiles, RandomCrop, Shift, StoredSamples
from noisette.pipeline.train_network import Network
from noisette.pipeline.workspace import Workspace
from noisette.store import ParquetTable
from noisette.types import BoolArray, IntArray, Progress, SampleTable

SMALL_SIDE = 64
"""Pictures up to this side are kept decoded, and shifted rather than cropped."""
_MOST_BYTES = 4 << 30
_PIXELS, _NOTES = "pictures.npy", "pictures.json"
_TASK = 64


class TrainingPictures:
    """Pictures of some samples of a workspace.

    Args:
        workspace: made from pictures.
        samples: all of its samples.
        rows: (M,) ascending row numbers of those that are needed.
        network: how pictures are prepared for it.
        folder: where decoded pictures are kept until the training is done.
        num_workers: processes that load pictures.
        progress: called with ("look at pictures", done, M).

    Raises:
        TooManyBadRowsError: more pictures are bad than the settings allow.
        DataFileError: no picture could be used.
    """

    def __init__(
        self,
        workspace: Workspace,
        samples: SampleTable,
        rows: IntArray,
        network: Network,
        folder: Path,
        num_workers: int,
        progress: Progress,
    ) -> None:
        self._workspace, self._uris, self._rows, self._folder = workspace, samples.uris, rows, folder
        self._backbone = network.backbone
        self._sample = _prepared(self._backbone.transform)
        size = self._sample.numel() * rows.size
        side = max(self._sample.shape[1:])
        self.is_small = side <= SMALL_SIDE
        self._is_stored = self.is_small and self._sample.dtype == torch.uint8 and size <= _MOST_BYTES
        self.num_workers = 0 if self._is_stored else num_workers
        self.bad = bad_rows_policy(workspace.settings)
        self.bad.noun = "pictures"
        self._look(samples, num_workers, progress)

    def usable(self, rows: IntArray) -> BoolArray:
        """Give a mask: which of these samples have a picture that can be used."""
        mask: BoolArray = self._is_usable[np.searchsorted(self._rows, rows)]
        return mask

    def dataset(self, rows: IntArray, labels: IntArray, *, is_training: bool) -> StoredSamples | PictureFiles:
        """Give the pictures of usable samples with labels; augmented for training.

        Raises:
            InvalidInputError: the augmentation does not go with the transform of the backbone.
        """
        options = self._workspace.settings.train
        kind = options.augment if is_training else "none"
        if kind == "auto":
            kind = "shift" if self.is_small or self._sample.dtype != torch.uint8 else "crop"
        normalise = Normalise(self._backbone.mean, self._backbone.std)
        prepare = (Shift(options.flip), normalise) if kind == "shift" else (normalise,)
        if kind != "crop" and self._is_stored:
            places = np.searchsorted(self._rows, rows)
            return StoredSamples(self._folder / _PIXELS, places, labels, prepare)
        transform: Transform = self._backbone.transform
        if kind == "crop":
            transform = self._crop(options.flip)
        root, uris = self._workspace.image_root, [self._uris[row] for row in rows]
        return PictureFiles(root, uris, labels, transform, prepare, self._backbone.min_side)

    def _crop(self, flip: bool) -> RandomCrop:
        height, width = self._sample.shape[1:]
        if self._sample.dtype != torch.uint8 or height != width:
            raise InvalidInputError(
                "`augment` crop needs a backbone whose transform gives square uint8 pictures; take --augment shift"
            )
        return RandomCrop(int(height), flip)

    def _look(self, samples: SampleTable, num_workers: int, progress: Progress) -> None:
        embedded = None if self._is_stored else _embedded(self._workspace, samples)
        if embedded is not None:
            self._is_usable = np.isin(self._rows, embedded)
            self.bad.read(self._rows.size)
            self.bad.leave_out("no features, see features/embedded/skipped.txt", int((~self._is_usable).sum()))
        else:
            notes = self._read_notes()
            if notes is None:
                notes = self._look_at_all(num_workers, progress)
            self._is_usable = np.ones(self._rows.size, dtype=np.bool_)
            self._is_usable[[int(note["place"]) for note in notes if "skipped" in note]] = False
            self.bad.read(self._rows.size)
            count_notes(self.bad, self._workspace.image_root, notes)
            self.bad.check(self._workspace.image_root)
        if not self._is_usable.any():
            raise DataFileError(
                self._workspace.image_root, f"no picture could be used: {self.bad.summary()}; mend them"
            )

    def _read_notes(self) -> list[KeptNote] | None:
        """Read what an earlier run, stopped since, had found."""
        path = self._folder / _NOTES
        if not path.exists() or (self._is_stored and not (self._folder / _PIXELS).exists()):
            return None
        found: list[KeptNote] = json.loads(path.read_text(encoding="utf-8"))
        return found

    def _look_at_all(self, num_workers: int, progress: Progress) -> list[KeptNote]:
        notes: list[KeptNote] = []
        if self._is_stored:
            with atomic_path(self._folder / _PIXELS) as temporary, temporary.open("wb") as file:
                shape = (self._rows.size, *self._sample.shape)
                header = {"descr": "|u1", "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(file, header)
                for pixels in self._decode(notes, num_workers, progress):
                    file.write(pixels.numpy().data)
        else:
            for _ in self._decode(notes, num_workers, progress):
                pass
        with atomic_open(self._folder / _NOTES) as text:
            json.dump(notes, text, ensure_ascii=False)
        return notes

    def _decode(self, notes: list[KeptNote], num_workers: int, progress: Progress) -> Iterator[Tensor]:
        """Yield the pixels of a batch at a time, black for bad pictures."""
        options: Any = self._workspace.settings.images
        backbone, uris = self._backbone, [self._uris[row] for row in self._rows]
        transform = backbone.transform if self._is_stored else _nothing
        batches = PictureBatches(self._workspace.image_root, transform, backbone.min_side, options.unusual)
        tasks = [uris[at : at + _TASK] for at in range(0, len(uris), _TASK)]
        done = 0
        for task, batch in zip(tasks, load_batches(batches, tasks, num_workers), strict=True):
            for note in batch.notes:
                notes.append(kept_note(shown(task[note.place]), note) | {"place": str(done + note.place)})
            pixels = torch.zeros((batch.size, *self._sample.shape), dtype=torch.uint8)
            if batch.pixels is not None and self._is_stored:
                pixels[batch.places] = batch.pixels
            done += batch.size
            progress("look at pictures", done, len(uris))
            yield pixels


def _prepared(transform: Transform) -> Tensor:
    return transform(Image.new("RGB", (SMALL_SIDE, SMALL_SIDE)))


def _nothing(_picture: Image.Image) -> Tensor:
    return torch.zeros(1, dtype=torch.uint8)


def _embedded(workspace: Workspace, samples: SampleTable) -> IntArray | None:
    """Give the samples whose pictures `embed` has seen to be good; None where it has not looked at all of today's."""
    if features_state(workspace)[0] != "current":
        return None
    table = ParquetTable(workspace.features)
    return sample_rows(samples, table.read_splits(), table.read_keys())
