"""`noisette embed`: pictures to a table of features, a batch at a time; a killed run goes on at the next batch."""

from __future__ import annotations

import os
import shutil
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from noisette.data.images import shown
from noisette.errors import DataFileError, TooManyBadRowsError, WorkspaceError
from noisette.features import Extractor, FeatureBlock, PictureNote
from noisette.files import atomic_open
from noisette.pipeline.backbone import about_embed, workspace_backbone
from noisette.pipeline.creation.rows import bad_rows_policy
from noisette.pipeline.provenance import is_current, record
from noisette.pipeline.workspace import Workspace
from noisette.store import ParquetTable, ResumableTable, count_samples, file_hash, iter_sample_batches
from noisette.types import BadRows, Progress, silent

SKIPPED, CONVERTED = "skipped.txt", "converted.txt"
"""Lists of pictures beside the table, a line each: those left out, and those used after a conversion."""

_MOST_WORKERS = 16
_ROWS_PER_PART = 32768
Task = tuple[list[str], list[str], list[str]]


@dataclass(frozen=True)
class EmbedResult:
    """What `embed` made, or found made.

    Attributes:
        path: the table.
        num_rows, num_features: its N and D.
        backbone: what gave the features.
        was_current: True where nothing was to be done.
        resumed: pictures that an earlier, stopped run had done.
        bad: the pictures left out; `converted` counts those that needed a conversion.
    """

    path: Path
    num_rows: int
    num_features: int
    backbone: str
    was_current: bool
    resumed: int
    bad: BadRows


def embed(
    workspace: Workspace,
    progress: Progress = silent,
    *,
    num_workers: int | None = None,
    device: str = "auto",
    fresh: bool = False,
) -> EmbedResult:
    """Make the features of a workspace's pictures, where they are missing or stale.

    Args:
        workspace: made from pictures.
        progress: called with the number of pictures done; it may raise to stop the work, which can be taken up again.
        num_workers: processes that load pictures; None = one a core, 0 = this process.
        device: "auto" = a GPU where there is one.
        fresh: start over, also where nothing has changed (pictures that were mended, say).

    Raises:
        WorkspaceError: the workspace was made from features.
        TooManyBadRowsError: more pictures are bad than the settings allow; they are listed beside the table.
        DataFileError: no picture could be used.
    """
    if not workspace.has_images:
        raise WorkspaceError(
            f"{workspace.root} was made from features, there is nothing to embed; `noisette init --images DIR` makes a "
            "workspace from pictures"
        )
    about = about_embed(workspace)
    if fresh:
        shutil.rmtree(workspace.features, ignore_errors=True)
    elif is_current(workspace.features, about):
        return _found(workspace)
    extractor = Extractor(
        workspace_backbone(workspace), device=device, precision=_any(workspace.settings.embed.precision)
    )
    run = _Run(workspace, extractor, progress, num_workers)
    result = run.result()
    record(workspace.features, about)
    return result


class _Run:
    """One run over the pictures that no earlier run has done."""

    def __init__(self, workspace: Workspace, extractor: Extractor, progress: Progress, num_workers: int | None) -> None:
        self.workspace, self.extractor, self.progress = workspace, extractor, progress
        self.bad = bad_rows_policy(workspace.settings)
        self.bad.noun = "pictures"
        self.batch_size = workspace.settings.embed.batch_size
        self.total = count_samples(workspace.samples)
        self.num_workers = _workers(num_workers, self.total, self.batch_size)

    def result(self) -> EmbedResult:
        folder, options = self.workspace.features, self.workspace.settings.embed
        with ResumableTable(
            folder,
            num_features=self.extractor.num_features,
            dtype=_any(options.dtype),
            metadata=self._identity(),
            batches_per_part=max(1, _ROWS_PER_PART // self.batch_size),
        ) as table:
            resumed = min(self.total, table.num_batches * self.batch_size)
            try:
                self._recall(table, resumed)
                self._extract(table, resumed)
            except TooManyBadRowsError:
                _write_lists(folder, table)
                raise
            _write_lists(folder, table)
            manifest = table.finish()
        if manifest.num_rows == 0:
            raise DataFileError(self.workspace.image_root, f"no picture could be used: {self.bad.summary()}")
        name = self.extractor.backbone.name
        return EmbedResult(folder, manifest.num_rows, manifest.num_features, name, False, resumed, self.bad)

    def _identity(self) -> dict[str, str]:
        """Give what every byte of the table depends on, as text; no path, no clock."""
        return self.extractor.about | {
            "device": self.extractor.device.type,
            "samples": file_hash(self.workspace.samples),
            "unusual": self.workspace.settings.images.unusual,
            "batch_size": str(self.batch_size),
        }

    def _recall(self, table: ResumableTable, resumed: int) -> None:
        """Count what earlier runs found, under today's policy."""
        self.bad.read(resumed)
        for note in table.notes():
            if "skipped" in note:
                self.bad.add(self.workspace.image_root / note["path"], None, note["skipped"], note["detail"])
            else:
                self.bad.convert(note["converted"])

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
        notes = [_note(shown(uris[note.place]), note) for note in block.notes]
        table.append([splits[i] for i in block.places], [keys[i] for i in block.places], block.features, notes)
        # Counted after they are kept: a run that stops here goes on here when --max-bad is raised.
        self.bad.read(block.size)
        for note in block.notes:
            if note.is_bad:
                path = self.workspace.image_root / shown(uris[note.place])
                self.bad.add(path, None, note.kind, note.detail)
            else:
                self.bad.convert(note.kind)


def _note(path: str, note: PictureNote) -> dict[str, str]:
    return (
        {"path": path, "skipped": note.kind, "detail": note.detail}
        if note.is_bad
        else {
            "path": path,
            "converted": note.kind,
        }
    )


def _write_lists(folder: Path, table: ResumableTable) -> None:
    """Write the paths of pictures that were left out, and of those that were converted, with the reasons."""
    with atomic_open(folder / SKIPPED) as skipped, atomic_open(folder / CONVERTED) as converted:
        for note in table.notes():
            if "skipped" in note:
                detail = f": {note['detail']}" if note["detail"] else ""
                skipped.write(f"{note['path']}: {note['skipped']}{detail}\n")
            else:
                converted.write(f"{note['path']}: {note['converted']}\n")


def _found(workspace: Workspace) -> EmbedResult:
    table = ParquetTable(workspace.features)
    name = table.metadata.get("backbone", "")
    return EmbedResult(workspace.features, table.num_rows, table.num_features, name, True, 0, BadRows(noun="pictures"))


def _workers(asked: int | None, total: int, batch_size: int) -> int:
    """Give the number of loading processes: one a core, and none for a handful of batches."""
    if asked is not None:
        return asked
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity is not None else os.cpu_count() or 1
    return 0 if total <= 2 * batch_size else min(cores, _MOST_WORKERS)


def _any(value: str) -> Any:
    """Give a setting whose choices were checked when it was read."""
    return value
