"""`noisette score`: a saved verifier on any table of features, no workspace needed; streams, so memory stays flat."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from noisette.data import FeatureBatch, read_feature_file, read_label_file, read_reference_tsv
from noisette.errors import DataFileError, InvalidInputError, NotVerifiedError
from noisette.files import atomic_path
from noisette.pipeline.score_tables import score_name
from noisette.types import BadRows, Float64Array, IntArray, Progress, silent
from noisette.verifier.base import Verifier
from noisette.verifier.inputs import batch_rows
from noisette.verifier.saving import load_verifier


@dataclass(frozen=True)
class Scored:
    """What `score` did: rows written, and labels taken to be wrong (None without a threshold)."""

    num_rows: int
    num_issues: int | None
    bad_rows: BadRows


def score_file(
    features: Path,
    verifier_path: Path,
    output: Path,
    *,
    labels: Path | None = None,
    bad_rows: BadRows | None = None,
    progress: Progress = silent,
) -> Scored:
    """Score the labels of a feature file with a saved verifier.

    Args:
        features: .tsv (key, class name, features as in the reference implementation), .npy, .npz, .csv or Parquet.
        verifier_path: folder that `Verifier.save` or `noisette detect` wrote.
        output: text file to write: a header, then key, similarity (or score) and label quality, tab-separated.
        labels: given labels by key, where `features` does not hold them.
        bad_rows: policy for bad rows; the default skips up to 1 %.
        progress: called with the number of rows scored.

    Raises:
        DataFileError: a file cannot be read, has no given labels, or no row that can be scored.
    """
    if output.exists() and any(path is not None and output.samefile(path) for path in (features, labels)):
        raise InvalidInputError(f"`output` {output} is also an input, and would be overwritten; choose another name")
    verifier = load_verifier(verifier_path)
    bad = BadRows(on_error="skip") if bad_rows is None else bad_rows
    num_rows, num_issues = 0, 0
    with atomic_path(output) as temporary, temporary.open("wb") as file:
        _write_row(file, [["key"], [score_name(verifier)], ["label_quality"]])
        for keys, given, block in _labelled_batches(features, labels, verifier, bad):
            scores = verifier.score_samples(block, given)
            quality = _quality(verifier, scores)
            _write_row(file, [keys, scores.round(6), quality.round(6)])
            num_rows += len(keys)
            if verifier.rules.threshold is not None:
                num_issues += int((~verifier.verdict_of_scores(scores)).sum())
            progress("score", num_rows, 0)
        if num_rows == 0:
            raise DataFileError(features, f"no row could be scored; nothing is written: {bad.summary()}")
    return Scored(num_rows, None if verifier.rules.threshold is None else num_issues, bad)


def _labelled_batches(
    features: Path, labels: Path | None, verifier: Verifier, bad: BadRows
) -> Iterator[tuple[list[str], IntArray, np.ndarray]]:
    assert verifier.class_names is not None
    known = _known_labels(labels, verifier.class_names, bad)
    size = batch_rows(verifier.num_features)
    batches: Iterator[FeatureBatch]
    if features.suffix == ".tsv":
        batches = read_reference_tsv(
            features,
            verifier.class_names,
            bad,
            verified=False,
            num_features=verifier.num_features,
            batch_size=size,
        )
    else:
        batches = read_feature_file(
            features, bad, class_names=verifier.class_names, num_features=verifier.num_features, batch_size=size
        )
    for batch in batches:
        if known is None:
            if batch.given_labels is None:
                raise DataFileError(features, "holds no given labels; give them with --labels FILE")
            keep, given = np.arange(len(batch.keys)), batch.given_labels
        else:
            labels_of = [known.get(key, -1) for key in batch.keys]
            given = np.array(labels_of, dtype=np.int64)
            keep = np.flatnonzero(given >= 0)
            for i in np.flatnonzero(given < 0):
                bad.add(features, int(batch.lines[i]), "no given label", f"key {batch.keys[i]!r} is not in {labels}")
            given = given[keep]
        counted = verifier.class_counts[given] > 0
        for i in keep[~counted]:
            bad.add(features, int(batch.lines[i]), "unknown class", "the verifier saw no sample of this class")
        keep = keep[counted]
        yield [batch.keys[i] for i in keep], given[counted], batch.features[keep]


def _known_labels(labels: Path | None, class_names: tuple[str, ...], bad: BadRows) -> dict[str, int] | None:
    if labels is None:
        return None
    table = read_label_file(labels, bad, class_names)
    if table.given_labels is None:
        raise DataFileError(labels, "has no column of given labels; name it `given_label`")
    keys = table.keys if table.keys is not None else [str(row) for row in table.rows]
    return dict(zip(keys, table.given_labels.tolist(), strict=True))


def _quality(verifier: Verifier, scores: Float64Array) -> Float64Array:
    try:
        return verifier.quality_of_scores(scores)
    except NotVerifiedError:
        return np.full(scores.size, np.nan)


def _write_row(file: IO[bytes], columns: list[Sequence[str] | Float64Array]) -> None:
    """Append a block of columns as tab-separated text; keys are quoted only where one holds a tab or a quote."""
    block = pa.table(columns, names=[str(i) for i in range(len(columns))])
    keys = columns[0]
    style = "needed" if any(mark in key for key in keys for mark in '\t"\r\n') else "none"
    options = pa_csv.WriteOptions(include_header=False, delimiter="\t", quoting_style=style)
    pa_csv.write_csv(block, file, options)
