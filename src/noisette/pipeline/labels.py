"""Verification labels in and out: files are imported into the review store, their only home, and exported from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

from noisette.data import read_label_file, resolve_label_rows, write_label_file
from noisette.pipeline.exporting.table import check_own_export
from noisette.pipeline.workspace import Workspace
from noisette.store import read_samples
from noisette.types import BadRow, BadRows


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
            inclusion_probability, seconds].
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


def export_labels(workspace: Workspace, path: Path) -> int:
    """Write the decision in force for each verified sample; give their number.

    Columns are key, split, given label, verification label, correct label, reviewer, queue, inclusion probability and
    seconds, with class names for ids; queue and probability are those of the draw that a sample came from, where it is
    known. The file can be imported again, here or into another workspace of the same samples.
    """
    check_own_export(path)
    names = workspace.class_names()
    with workspace.reviews() as store:
        draws = store.draws()
        latest = [review for _, review in sorted(store.latest().items())]
    drawn = [draws.get((review.split, review.key, review.given_label)) for review in latest]

    def class_name(label: int) -> str:
        return names[label] if label >= 0 else str(label)

    columns: dict[str, Sequence[object] | pa.Array] = {
        "key": [review.key for review in latest],
        "split": [review.split for review in latest],
        "given_label": [class_name(review.given_label) for review in latest],
        "verification_label": [review.verification_label for review in latest],
        "correct_label": [class_name(review.correct_label) for review in latest],
        "reviewer": [review.reviewer for review in latest],
        "queue": [one.queue if one else review.queue for review, one in zip(latest, drawn, strict=True)],
        "inclusion_probability": pa.array([one and one.inclusion_probability for one in drawn], pa.float64()),
        "seconds": pa.array([review.seconds for review in latest], pa.float64()),
    }
    write_label_file(path, columns)
    return len(latest)
