"""From the rows of a label file to decisions about the samples of a workspace."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import PurePosixPath

import numpy as np

from noisette.data.label_files import LabelTable
from noisette.data.rows import BadRowError, verdict_of
from noisette.errors import DataFileError
from noisette.types import NOT_KNOWN, UNVERIFIED, BadRow, BadRows, Float64Array, Review, SampleTable


def resolve_label_rows(
    labels: LabelTable,
    samples: SampleTable,
    *,
    time: datetime,
    reviewer: str = "import",
    queue: str = "import",
    split: str | None = None,
    bad_rows: BadRows | None = None,
    class_names: Sequence[str] | None = None,
) -> tuple[list[Review], list[BadRow]]:
    """Turn a label file into decisions about samples, and name the rows that cannot be used, with their lines.

    A row needs a known key and, where it states the given label, the one the sample carries now. A correct label
    alone decides too: the given label is correct if and only if it is the same.

    Args:
        labels: the file; without keys its rows are the samples in order.
        samples: the samples of the workspace.
        time: when the decisions count as taken, with time zone.
        reviewer: who decided, where the file does not say.
        queue: what drew the samples, where the file does not say.
        split: the split of all rows; None: the file's split column, else the one split that has the key.
        class_names: names of the classes, for messages.
        bad_rows: counts, as left out, rows that decide nothing (label -1 and no correct label).

    Returns:
        One decision a good row, in file order; and the problems: unknown or ambiguous key, given label changed,
        contradicting labels.

    Raises:
        DataFileError: the file has no verification_label or correct_label column, or has no keys and another number of
            rows than there are samples.
    """
    if labels.verification_labels is None and labels.correct_labels is None:
        raise DataFileError(labels.path, "decides nothing: it has no verification_label and no correct_label column")
    if labels.keys is None and len(labels) and int(labels.rows[-1]) >= len(samples):
        raise DataFileError(labels.path, f"has more rows than the {len(samples)} samples, and no key column")
    finder = _Finder(labels, samples, split)
    reviews: list[Review] = []
    problems: list[BadRow] = []
    unverified = 0
    for row in range(len(labels)):
        try:
            position = finder.find(row)
            verdict, correct = _decision(labels, row, int(samples.given_labels[position]), class_names)
        except BadRowError as error:
            problems.append(BadRow(labels.path, int(labels.lines[row]), error.kind, error.detail))
            continue
        if verdict == UNVERIFIED:
            unverified += 1
            continue
        reviews.append(
            Review(
                key=samples.keys[position],
                split=samples.splits[position],
                given_label=int(samples.given_labels[position]),
                verification_label=verdict,
                correct_label=correct,
                reviewer=_text(labels.reviewers, row) or reviewer,
                time=time,
                queue=_text(labels.queues, row) or queue,
                inclusion_probability=_number(labels.inclusion_probabilities, row),
                seconds=_number(labels.seconds, row),
            )
        )
    if bad_rows is not None:
        bad_rows.leave_out("verification label -1", unverified)
    return reviews, problems


def _text(column: Sequence[str] | None, row: int) -> str:
    return "" if column is None else column[row].strip()


def _number(column: Float64Array | None, row: int) -> float | None:
    return None if column is None or np.isnan(column[row]) else float(column[row])


class _Finder:
    """Finds the sample of a row."""

    def __init__(self, labels: LabelTable, samples: SampleTable, split: str | None) -> None:
        self.labels, self.split = labels, split
        self.positions: Mapping[tuple[str, str], int] = samples.positions()
        self.splits_of: dict[str, list[str]] = defaultdict(list)
        for sample_split, key in zip(samples.splits, samples.keys, strict=True):
            self.splits_of[key].append(sample_split)
        self._stems: defaultdict[str, set[str]] | None = None

    def find(self, row: int) -> int:
        """Give the position of the row's sample."""
        if self.labels.keys is None:
            return int(self.labels.rows[row])
        key = self._full_name(self.labels.keys[row])
        split = self.split or (self.labels.splits[row] if self.labels.splits is not None else None)
        candidates = self.splits_of.get(key, [])
        if not candidates or (split is not None and split not in candidates):
            where = "" if split is None or not candidates else f" in split {split!r} (it is in {', '.join(candidates)})"
            raise BadRowError("unknown key", f"{key!r}{where}")
        if split is None and len(candidates) > 1:
            raise BadRowError("ambiguous key", f"{key!r} is in splits {', '.join(candidates)}; add a split column")
        return self.positions[split or candidates[0], key]

    def _full_name(self, key: str) -> str:
        """Give the key of a sample: FiftyOne names a picture without its ending, where only one can be meant."""
        if self.labels.path.suffix.lower() != ".json" or key in self.splits_of:
            return key
        if self._stems is None:
            self._stems = defaultdict(set)
            for full in self.splits_of:
                self._stems[str(PurePosixPath(full).with_suffix(""))].add(full)
        full_names = self._stems.get(key, set())
        return next(iter(full_names)) if len(full_names) == 1 else key


def _decision(labels: LabelTable, row: int, given: int, names: Sequence[str] | None) -> tuple[int, int]:
    """Give (verification label, correct label) of a row about a sample that carries `given` now."""
    if labels.given_labels is not None and labels.given_labels[row] != given:
        was, now = (repr(names[label]) if names else label for label in (int(labels.given_labels[row]), given))
        raise BadRowError("given label changed", f"the file was made for class {was}, the sample now carries {now}")
    verdict = UNVERIFIED if labels.verification_labels is None else int(labels.verification_labels[row])
    correct = NOT_KNOWN if labels.correct_labels is None else int(labels.correct_labels[row])
    return verdict_of(given, correct, verdict), correct
