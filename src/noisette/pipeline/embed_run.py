"""One run of `embed` over the pictures that no earlier run has done."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections import deque
from collections.abc import Iterator
from typing import Any

import numpy as np

from noisette.data.images import shown
from noisette.errors import DataFileError, TooManyBadRowsError, WorkspaceError
from noisette.features import Extractor, FeatureBlock, PictureNote
from noisette.features.extraction import usable_device
from noisette.pipeline.creation.rows import bad_rows_policy
from noisette.pipeline.picture_notes import SKIPPED, KeptNote, count_notes, kept_note, write_lists
from noisette.pipeline.provenance import forget
from noisette.pipeline.workspace import Workspace
from noisette.store import (
    ResumableTable,
    StoredType,
    TableManifest,
    count_samples,
    file_hash,
    iter_sample_batches,
    unfinished_metadata,
)
from noisette.types import Progress

ROWS_PER_PART = 32768
_MOST_WORKERS = 16
Task = tuple[list[str], list[str], list[str]]
"""Splits, keys and uris of a batch."""


class EmbedRun:
    """One run over the pictures that no earlier run has done."""

    def __init__(
        self,
        workspace: Workspace,
        extractor: Extractor,
        about: dict[str, Any],
        progress: Progress,
        num_workers: int | None,
    ) -> None:
        self.workspace, self.extractor, self.about, self.progress = workspace, extractor, about, progress
        self.bad = bad_rows_policy(workspace.settings)
        self.bad.noun = "pictures"
        self.batch_size = workspace.settings.embed.batch_size
        self.total = count_samples(workspace.samples)
        self.num_workers = loading_processes(num_workers, self.total, self.batch_size)

    def clear(self, *, fresh: bool) -> None:
        """Make way for the table: what is written of an older one goes first, for this run may be stopped.

        Raises:
            WorkspaceError: there is a part of a table of other settings, and nobody said that it may go.
        """
        folder, identity = self.workspace.features, self._identity()
        began = unfinished_metadata(folder)
        if began is not None and not fresh and began != identity:
            names = sorted((began | identity).keys() - {"made_by"})
            changed = [name for name in names if began.get(name) != identity.get(name)]
            words = ", ".join(f"{name} was {began.get(name)}, is {identity.get(name)}" for name in changed)
            raise WorkspaceError(
                f"{folder} is a part of a table that was begun with other settings ({words or 'another source'}); "
                "go on with those, or begin again: `noisette embed --fresh`"
            )
        forget(folder)
        if fresh and folder.exists():
            shutil.rmtree(folder)

    def write(self) -> tuple[TableManifest, int]:
        """Write the table; give its manifest, and how many pictures an earlier run had done.

        Raises:
            TooManyBadRowsError: more pictures are bad than the settings allow; they are listed beside the table.
            DataFileError: no picture could be used.
        """
        folder, options = self.workspace.features, self.workspace.settings.embed
        with ResumableTable(
            folder,
            num_features=self.extractor.num_features,
            dtype=_any(options.dtype),
            metadata=self._identity(),
            batches_per_part=max(1, ROWS_PER_PART // self.batch_size),
        ) as table:
            resumed = min(self.total, table.num_batches * self.batch_size)
            try:
                self.bad.read(resumed)
                count_notes(self.bad, self.workspace.image_root, table.notes())
                self._extract(table, resumed)
            except TooManyBadRowsError as error:
                write_lists(folder, table.notes())
                raise self._too_many(error) from error
            write_lists(folder, table.notes())
            if self.bad.num_bad >= self.total:
                reason = f"no picture could be used: {self.bad.summary()}; mend them, then `noisette embed --fresh`"
                raise DataFileError(self.workspace.image_root, reason)
            return table.finish(), resumed

    def _identity(self) -> dict[str, str]:
        """Give what every byte of the table depends on, as text; no path, no clock."""
        return self.extractor.about | {
            "device": self.extractor.device.type,
            "samples": file_hash(self.workspace.samples),
            "unusual": self.workspace.settings.images.unusual,
            "batch_size": str(self.batch_size),
            "made_by": _digest(self.about),
        }

    def _too_many(self, error: TooManyBadRowsError) -> TooManyBadRowsError:
        """Say where the bad pictures are listed, and what can be done."""
        if self.bad.on_error == "stop":
            return error
        listed = self.workspace.features / SKIPPED
        remedy = f"{listed} lists them; go on with a higher --max-bad, or mend them, then `noisette embed --fresh`"
        return TooManyBadRowsError(error.path, f"{error.reason}; {remedy}", line=error.line)

    def _extract(self, table: ResumableTable, done: int) -> None:
        waiting: deque[Task] = deque()
        options = self.workspace.settings.images
        blocks = self.extractor.extract(
            self.workspace.image_root,
            self._tasks(waiting, table.num_batches),
            num_workers=self.num_workers,
            unusual=_any(options.unusual),
        )
        self.progress("embed", done, self.total)
        for block in blocks:
            self._keep(table, waiting.popleft(), block)
            done += block.size
            self.progress("embed", done, self.total)
        self.bad.check(self.workspace.image_root)

    def _tasks(self, waiting: deque[Task], skip_batches: int) -> Iterator[list[str]]:
        """Yield the uris of a batch, and remember whose they are until its features are there."""
        for task in iter_sample_batches(self.workspace.samples, self.batch_size, skip_batches):
            waiting.append(task)
            yield task[2]

    def _keep(self, table: ResumableTable, task: Task, block: FeatureBlock) -> None:
        splits, keys, uris = task
        block = _storable(block, table.dtype)
        notes = [kept_note(shown(uris[note.place]), note) for note in block.notes]
        if self.bad.on_error == "stop":
            self._count(block.size, notes)  # a picture that ends the run is looked at again by the next one
        table.append([splits[i] for i in block.places], [keys[i] for i in block.places], block.features, notes)
        if self.bad.on_error == "skip":
            self._count(block.size, notes)  # after they are kept: with a higher --max-bad a run goes on here

    def _count(self, size: int, notes: list[KeptNote]) -> None:
        self.bad.read(size)
        count_notes(self.bad, self.workspace.image_root, notes)


def is_begun_otherwise(workspace: Workspace, about: dict[str, Any], device: str) -> bool:
    """Tell whether there is a part of a table that would not be begun like this; `about`: from `about_embed`."""
    began, now = unfinished_metadata(workspace.features), (_digest(about), usable_device(device).type)
    return began is not None and (began.get("made_by"), began.get("device")) != now


def _digest(about: dict[str, Any]) -> str:
    return hashlib.blake2b(json.dumps(about, sort_keys=True).encode(), digest_size=16).hexdigest()


def _storable(block: FeatureBlock, dtype: StoredType) -> FeatureBlock:
    """Take out pictures with a feature that float16 cannot hold; they are bad ones, not the end of the run."""
    if dtype == "float32":
        return block
    fits = np.asarray((np.abs(block.features) <= np.finfo(np.float16).max).all(axis=1))
    if fits.all():
        return block
    notes = [
        PictureNote(block.places[row], "features beyond float16", "--dtype float32 keeps them", True)
        for row in np.flatnonzero(~fits).tolist()
    ]
    places = [block.places[row] for row in np.flatnonzero(fits).tolist()]
    return FeatureBlock(block.size, places, block.features[fits], [*block.notes, *notes])


def loading_processes(asked: int | None, total: int, batch_size: int) -> int:
    """Give the number of loading processes: one a core, and none for a handful of batches."""
    if asked is not None:
        return asked
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity is not None else os.cpu_count() or 1
    return 0 if total <= 2 * batch_size else min(cores, _MOST_WORKERS)


def _any(value: str) -> Any:
    """Give a setting whose choices were checked when it was read."""
    return value
