"""Verification labels in and out: files are imported into the review store, their only home, and exported from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

from noisette.data import (
    read_label_file,
    resolve_label_rows,
    write_cleanlab_table,
    write_fiftyone,
    write_label_file,
    write_label_studio,
)
from noisette.errors import InvalidInputError
from noisette.pipeline.agreement import reliable_decisions
from noisette.pipeline.exporting.table import check_own_export
from noisette.pipeline.workspace import Workspace
from noisette.store import Draw, read_samples
from noisette.types import BadRow, BadRows, Review

_TABLES = (".csv", ".tsv", ".parquet")
FORMATS = {"table": _TABLES, "label-studio": (".json",), "fiftyone": (".json",), "cleanlab": _TABLES}
"""What `labels export --format` writes, and the endings of such files."""


@dataclass(frozen=True)
class ExportResult:
    """What an export did: decisions written, and those that the format has no place for."""

    rows: int
    left_out: int


@dataclass(frozen=True)
class ImportResult:
    """What an import did: rows read, decisions new to the store, rows that name no sample or an outdated label.

    `bad_rows` has the rows that cannot be read, and counts those that decide nothing (verification label -1).
    """

    read: int
    added: int
    problems: tuple[BadRow, ...]
    bad_rows: BadRows


def import_labels(
    workspace: Workspace, path: Path, *, reviewer: str = "import", split: str | None = None
) -> ImportResult:
    """Append the verification labels of a file to the review store; importing a file twice adds nothing.

    Args:
        workspace: the workspace.
        path: CSV, TSV or Parquet with columns key, verification_label [, correct_label, reviewer, split, queue,
            inclusion_probability, seconds]; or one of the other formats of `export_labels`, known by what is in it.
        reviewer: who decided, where the file does not say.
        split: the samples' split, where keys occur in several.

    Returns:
        What was added, and each row that could not be, with its line and the reason.
    """
    bad = BadRows(on_error="stop" if workspace.settings.input.on_error == "stop" else "skip", max_bad=1.0)
    labels = read_label_file(path, bad, workspace.class_names(), column="verification_label")
    samples = read_samples(workspace.samples)
    reviews, problems = resolve_label_rows(
        labels,
        samples,
        time=datetime.now(UTC),
        reviewer=reviewer,
        split=split,
        bad_rows=bad,
        class_names=workspace.class_names(),
    )
    if bad.on_error == "stop":
        for problem in problems:
            bad.add(problem.path, problem.line, problem.kind, problem.detail)
    with workspace.reviews() as store:
        added = store.append(reviews, from_file=True)
    return ImportResult(bad.num_read, added, tuple(problems), bad)


def export_labels(
    workspace: Workspace,
    path: Path,
    *,
    format: str = "auto",
    every_reviewer: bool = False,
    consensus: str = "vote",
) -> ExportResult:
    """Write the decisions that stand, or those of every reviewer; the file can be imported again.

    Args:
        workspace: the workspace.
        path: the file; what is there is replaced if this tool wrote it.
        format: "table" (.csv, .tsv, .parquet: key, split, given label, verification label, correct label, reviewer,
            queue, inclusion probability and seconds, with class names for ids), "label-studio" or "fiftyone" (.json),
            "cleanlab" (a table with a column of class ids a reviewer); "auto": a table, by the name of the file.
        every_reviewer: a table has the last decision of each reviewer, not only the one that stands for the sample.
            "label-studio" and "cleanlab" always have.
        consensus: how reviewers who disagree are joined where one decision is written: "vote", as everywhere, or
            "reliability", see `agreement.reliable_decisions`.

    Returns:
        The number of decisions written, and of those that the format has no place for.

    Raises:
        InvalidInputError: the format does not exist, or is not for files of that name.
        DataFileError: somebody else's file is there, or the format cannot hold the keys.
    """
    suffix = path.suffix.lower()
    format = "table" if format == "auto" and suffix != ".json" else format
    if format not in FORMATS or suffix not in FORMATS[format]:
        names = ", ".join(f"{name} ({' '.join(suffixes)})" for name, suffixes in FORMATS.items())
        raise InvalidInputError(f"`format` must fit the name of the file: {names}; got {format} for {path.name!r}")
    if consensus not in ("vote", "reliability"):
        raise InvalidInputError(f"`consensus` must be vote or reliability, got {consensus!r}")
    _check_own(path)
    with workspace.reviews() as store:
        draws = store.draws()
        if format in ("label-studio", "cleanlab") or every_reviewer:
            voices = list(store.voices())
            counts = Counter((one.split, one.key) for one in voices)
            reviews = [_as_drawn(one, draws) if counts[one.split, one.key] == 1 else one for one in voices]
        else:
            decided = store.latest() if consensus == "vote" else reliable_decisions(store)
            reviews = [_as_drawn(one, draws) for _, one in sorted(decided.items())]
    left_out = _write(workspace, path, format, reviews)
    return ExportResult(len(reviews) - left_out, left_out)


def _as_drawn(review: Review, draws: Mapping[tuple[str, str, int], Draw]) -> Review:
    """Give queue and probability of the draw that a sample came from, where it is known."""
    draw = draws.get((review.split, review.key, review.given_label))
    if draw is None:
        return replace(review, inclusion_probability=None)
    return replace(review, queue=draw.queue, inclusion_probability=draw.inclusion_probability)


def _write(workspace: Workspace, path: Path, format: str, reviews: list[Review]) -> int:
    """Write the file; give how many decisions it has no place for."""
    names = workspace.class_names()
    if format == "cleanlab":
        return write_cleanlab_table(path, reviews)
    if format == "fiftyone":
        write_fiftyone(path, reviews, names)
    elif format == "label-studio":
        samples = read_samples(workspace.samples)
        identities = zip(samples.splits, samples.keys, strict=True)
        uris = dict(zip(identities, samples.uris, strict=True))
        write_label_studio(path, reviews, names, uris)
    else:
        write_label_file(path, _columns(reviews, names))
    return 0


def _columns(reviews: Sequence[Review], names: Sequence[str]) -> dict[str, Sequence[object] | pa.Array]:
    def class_name(label: int) -> str:
        return names[label] if label >= 0 else str(label)

    return {
        "key": [review.key for review in reviews],
        "split": [review.split for review in reviews],
        "given_label": [class_name(review.given_label) for review in reviews],
        "verification_label": [review.verification_label for review in reviews],
        "correct_label": [class_name(review.correct_label) for review in reviews],
        "reviewer": [review.reviewer for review in reviews],
        "queue": [review.queue for review in reviews],
        "inclusion_probability": pa.array([review.inclusion_probability for review in reviews], pa.float64()),
        "seconds": pa.array([review.seconds for review in reviews], pa.float64()),
    }


def _check_own(path: Path) -> None:
    """Refuse to write over somebody's file that this tool did not write."""
    check_own_export(path)
    if path.suffix.lower() != ".json" or not path.is_file() or path.stat().st_size == 0:
        return
    with path.open("rb") as file:
        start = file.read(100)
    if not start.startswith((b'[\n{"id": 1, "data": {"key": ', b"[\n\n]", b'{"labels": {\n')):
        raise InvalidInputError(f"{path} is there already and is no export of noisette; choose another name")
