"""Pictures from disk to tensors, in worker processes, a batch a task."""

from __future__ import annotations

import pickle
import re
import signal
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from noisette.data.images import BadImageError, DecodedImage, decode_image, read_image
from noisette.errors import InvalidInputError, NoisetteError, ShapeError
from noisette.features.transforms import Transform

Unusual = Literal["convert", "skip"]
"""What becomes of pictures that need a conversion (CMYK, 16 bits, EXIF-rotated, animated)."""

_PREFETCH = 2
_DIED = re.compile("exited unexpectedly|is killed by signal")


@dataclass(frozen=True, slots=True)
class PictureNote:
    """Something to say about one picture of a batch: why it is skipped, or which conversion it needed."""

    place: int
    kind: str
    detail: str
    is_bad: bool


@dataclass(frozen=True, slots=True)
class LoadedBatch:
    """The G usable pictures of a task of B.

    Attributes:
        size: B.
        places: G ascending places in the task.
        pixels: (G, 3, H, W); None without any.
        notes: about the others, and about conversions.
        error: what ends the work, whichever picture is next; it travels from a worker as it is.
    """

    size: int
    places: list[int]
    pixels: Tensor | None
    notes: list[PictureNote]
    error: NoisetteError | None = None


PictureItem: TypeAlias = str | DecodedImage | BadImageError
"""A uri (or path); a picture that is decoded already; or what is wrong with one."""


class PictureBatches(Dataset[LoadedBatch]):
    """A data set whose index is the task itself, B items: tasks can stream in, and nothing is held for all pictures."""

    def __init__(self, root: Path, transform: Transform, min_side: int, unusual: Unusual) -> None:
        self.root, self.transform, self.min_side, self.unusual = root, transform, min_side, unusual

    def __getitem__(self, items: Sequence[PictureItem]) -> LoadedBatch:
        """Load the pictures of a task; one that comes several times in a row is decoded once."""
        try:
            return self._batch(items)
        except NoisetteError as error:  # raised in a worker, it would arrive as a text with a traceback in it
            return LoadedBatch(len(items), [], None, [], error)

    def _batch(self, items: Sequence[PictureItem]) -> LoadedBatch:
        tensors: list[Tensor] = []
        places: list[int] = []
        notes: list[PictureNote] = []
        for place, item in enumerate(items):
            if isinstance(item, str) and place and item == items[place - 1] and places and places[-1] == place - 1:
                tensors.append(tensors[-1])
                places.append(place)
                continue
            tensor = self._load(item, place, notes)
            if tensor is not None:
                tensors.append(tensor)
                places.append(place)
        return LoadedBatch(len(items), places, _stacked(tensors), notes)

    def _load(self, item: PictureItem, place: int, notes: list[PictureNote]) -> Tensor | None:
        try:
            decoded = self._decode(item)
        except BadImageError as error:
            notes.append(PictureNote(place, error.kind, error.detail, True))
            return None
        if decoded.conversions and self.unusual == "skip":
            notes.append(PictureNote(place, decoded.conversions[0], "", True))
            return None
        notes.extend(PictureNote(place, kind, "", False) for kind in decoded.conversions)
        try:
            return self.transform(decoded.picture)
        except Exception as error:  # somebody else's code: one odd picture is no reason to end a run of days
            notes.append(PictureNote(place, "transform failed", f"{type(error).__name__}: {error}", True))
            return None

    def _decode(self, item: PictureItem) -> DecodedImage:
        if isinstance(item, str):
            return decode_image(read_image(self.root, item), at_least=self.min_side)
        if isinstance(item, BadImageError):
            raise item
        return item


def load_batches(
    batches: PictureBatches, tasks: Iterable[Sequence[PictureItem]], num_workers: int
) -> Iterator[LoadedBatch]:
    """Yield a loaded batch for each task, in order; with workers, a few tasks ahead of the one that is asked for.

    Raises:
        NoisetteError: a worker process died, or something is wrong with more than one picture.
        InvalidInputError: the transform cannot be given to worker processes on this system.
    """
    if num_workers:
        _check_picklable(batches)
    loader: DataLoader[LoadedBatch] = DataLoader(
        batches,
        batch_size=None,
        sampler=tasks,
        num_workers=num_workers,
        prefetch_factor=_PREFETCH if num_workers else None,
        collate_fn=_as_it_is,
        worker_init_fn=_leave_interrupts_alone,
        generator=torch.Generator(),  # else it draws from the global one
    )
    try:
        for batch in loader:
            if batch.error is not None:
                raise batch.error
            yield batch
    except RuntimeError as error:
        if not _DIED.search(str(error)):
            raise
        raise NoisetteError(
            f"a process that loads pictures died ({error}); it may have run out of memory: use fewer workers or a "
            "smaller batch"
        ) from error


def _check_picklable(batches: PictureBatches) -> None:
    """Check what a process that is started anew (not forked) is given."""
    if torch.multiprocessing.get_start_method() == "fork":
        return
    try:
        pickle.dumps(batches)
    except Exception as error:
        raise InvalidInputError(
            f"the transform cannot be given to other processes ({error}); define it at the top level of a module, or "
            "use `num_workers` 0 (--num-workers 0)"
        ) from error


def _as_it_is(batch: Any) -> Any:
    return batch


def _leave_interrupts_alone(_worker: int) -> None:
    """Let the parent alone answer Ctrl-C; it ends its workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _stacked(tensors: list[Tensor]) -> Tensor | None:
    if len({(tensor.shape, tensor.dtype) for tensor in tensors}) > 1:
        shapes = " and ".join(sorted({str(tuple(tensor.shape)) for tensor in tensors}))
        raise ShapeError(f"the transform must give every picture the same shape, got {shapes}; resize and crop in it")
    return torch.stack(tensors) if tensors else None
