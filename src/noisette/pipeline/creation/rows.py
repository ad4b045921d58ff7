"""What every way into a workspace shares: rows collected while features stream by, then written, settings last."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np

from noisette.errors import DataFileError
from noisette.files import atomic_open
from noisette.pipeline.labels import ImportResult, import_labels
from noisette.pipeline.settings import Settings
from noisette.pipeline.workspace import Workspace, finish_workspace
from noisette.store import write_feature_table, write_samples
from noisette.types import UNVERIFIED, BadRow, BadRows, Float32Array, Review, Sample, SampleTable


@dataclass(frozen=True, kw_only=True)
class Created:
    """What `init` made.

    `num_features` is 0 where they are still to be made from pictures; `num_verified` counts the verification labels
    that the data itself held, `imported` those of a file beside it.
    """

    workspace: Workspace
    num_samples: int
    num_features: int
    num_classes: int
    bad_rows: BadRows
    warnings: tuple[str, ...]
    imported: ImportResult | None
    num_verified: int = 0


@dataclass
class RowCollector:
    """Collects what becomes samples.parquet, and the decisions that come with it, while the features stream by."""

    splits: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    uris: list[str] = field(default_factory=list)
    reviews: list[Review] = field(default_factory=list)

    def add(self, split: str, keys: list[str], labels: Iterable[int], uris: list[str] | None = None) -> None:
        """Take note of some samples of a split."""
        self.splits.extend([split] * len(keys))
        self.keys.extend(keys)
        self.labels.extend(int(label) for label in labels)
        self.uris.extend(uris if uris is not None else [""] * len(keys))

    def add_sample(self, sample: Sample, time: datetime) -> None:
        """Take note of a sample, and of its verification label as a decision taken at `time`."""
        self.add(sample.split, [sample.key], [sample.given_label], [sample.uri])
        if sample.verification_label != UNVERIFIED:
            self.reviews.append(
                Review(
                    key=sample.key,
                    split=sample.split,
                    given_label=sample.given_label,
                    verification_label=sample.verification_label,
                    correct_label=sample.correct_label,
                    reviewer="import",
                    time=time,
                )
            )

    def table(self) -> SampleTable:
        """Give the samples collected."""
        return SampleTable(self.splits, self.keys, self.uris, np.array(self.labels, dtype=np.int64))


def write_workspace(
    workspace: Workspace,
    batches: Iterator[tuple[list[str], list[str], Float32Array]],
    rows: RowCollector,
    bad: BadRows,
    classes: Path | None,
    verified: Path | None,
) -> Created:
    """Write features, samples, decisions and skipped rows of a new workspace; its settings come last.

    Args:
        workspace: from `create_workspace`.
        batches: (splits, keys, features) to write; reading them fills `rows`.
        rows: the samples, filled while `batches` is read.
        bad: bad rows, collected while `batches` is read.
        classes: the user's class list, to name in warnings.
        verified: file of verification labels to import.
    """
    manifest = write_feature_table(workspace.features, batches, metadata={"source": "imported"})
    if manifest.num_rows == 0:
        raise DataFileError(workspace.features, f"no row of the features could be used: {bad.summary()}")
    return write_rows(workspace, rows, bad, classes, verified, manifest.num_features)


def write_rows(
    workspace: Workspace,
    rows: RowCollector,
    bad: BadRows,
    classes: Path | None,
    verified: Path | None,
    num_features: int = 0,
) -> Created:
    """Write samples, decisions and skipped rows of a new workspace; its settings come last."""
    write_samples(workspace.samples, rows.table())
    with workspace.reviews() as reviews:
        reviews.append(rows.reviews)
    imported = import_labels(workspace, verified) if verified is not None else None
    with atomic_open(workspace.skipped) as file:
        file.writelines(f"{row}\n" for row in _all_skipped(bad, imported))
    warnings = _class_warnings(workspace, rows, classes)
    finish_workspace(workspace)
    return Created(
        workspace=workspace,
        num_samples=len(rows.keys),
        num_features=num_features,
        num_classes=len(workspace.class_names()),
        bad_rows=bad,
        warnings=warnings,
        imported=imported,
        num_verified=len(rows.reviews),
    )


def _all_skipped(bad: BadRows, imported: ImportResult | None) -> Iterator[BadRow | str]:
    """Yield every skipped row, those of the verification labels too, and say so where there are more than are kept."""
    for collected in (bad, imported.bad_rows) if imported is not None else (bad,):
        yield from collected.rows
        if collected.num_bad > len(collected.rows):
            yield f"and {collected.num_bad - len(collected.rows)} more: {collected.summary()}"
    yield from imported.problems if imported is not None else ()


def bad_rows_policy(settings: Settings) -> BadRows:
    """Give an empty collector of bad rows with the policy of the settings."""
    return BadRows(on_error="stop" if settings.input.on_error == "stop" else "skip", max_bad=settings.input.max_bad)


LIKELY_TYPO = 2  # a class of so few samples, in labels given by name, may be a misspelt one


def _class_warnings(workspace: Workspace, rows: RowCollector, classes: Path | None) -> tuple[str, ...]:
    """Name classes with no samples, or with fewer than there are references, by their line in the class list."""
    counts = Counter(rows.labels)
    wanted = workspace.settings.references.num_references
    path = classes if classes is not None else workspace.classes
    warnings = []
    for class_id, name in enumerate(workspace.class_names()):
        if counts[class_id] == 0:
            warnings.append(f"{path}:{class_id + 1}: class {name!r} has no samples; it is never suggested")
        elif classes is None and counts[class_id] <= LIKELY_TYPO:
            warnings.append(
                f"class {name!r} occurs {counts[class_id]} time(s) among the labels; if that is a slip of the pen, "
                "mend it there and make the workspace again; --classes FILE says which classes there are"
            )
        elif counts[class_id] < wanted:
            warnings.append(
                f"{path}:{class_id + 1}: class {name!r} has {counts[class_id]} samples, fewer than the "
                f"{wanted} references of a class; all of them become references"
            )
    return tuple(warnings)
