"""What an export will write: scores, samples and decisions joined, and the rule applied to each sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from noisette.data.exports import ExportSamples
from noisette.errors import InvalidInputError, WorkspaceError
from noisette.pipeline.detection_file import detection_of
from noisette.pipeline.labelled import EVALUATION_SPLITS
from noisette.pipeline.provenance import artifact_hash, input_hashes
from noisette.pipeline.sample_rows import sample_rows
from noisette.pipeline.score_tables import ScoreTable, read_scores
from noisette.pipeline.workspace import Workspace
from noisette.scores.curation import DROPPED, ClassChanges, Curated, CurationRule, count_changes, curate
from noisette.store import ResolvedLabels, read_about, read_samples
from noisette.types import UNVERIFIED, BoolArray, IntArray, LabelScores, SampleTable

_FIRST = ("train", *EVALUATION_SPLITS)


@dataclass(frozen=True, eq=False)
class SplitPlan:
    """One split: whether the rule was applied to it, what changes a class, and its samples without a score."""

    is_cleaned: bool
    changes: ClassChanges
    num_without_score: int


@dataclass(frozen=True, eq=False)
class ExportPlan:
    """What to write and why.

    Attributes:
        verifier: whose scores decide.
        samples: what to write.
        sources: the uris of all samples of the workspace, to be written or not.
        splits: what becomes of each split, in the order in which they are written.
        inputs: hashes of what the plan was made from.
        notes: what a person should know.
        is_stale: the scores are older than what they were made from.
    """

    verifier: str
    samples: ExportSamples
    sources: list[str]
    splits: dict[str, SplitPlan]
    inputs: dict[str, str]
    notes: tuple[str, ...]
    is_stale: bool


def plan_export(workspace: Workspace, rule: CurationRule, verifier: str | None = None) -> ExportPlan:
    """Decide on every sample of a workspace.

    Raises:
        WorkspaceError: `detect` has not been run, or its scores are of other samples.
        NotVerifiedError: the rule asks for label qualities, and there are none.
        InvalidInputError: the samples have no pictures, or nothing is left of them.
    """
    name = verifier if verifier is not None else str(detection_of(workspace)["chosen"])
    path = workspace.need(workspace.scores(name), f"noisette detect --verifier {name}")
    samples = read_samples(workspace.samples)
    table, places, notes = join_scores(samples, read_scores(path))
    with workspace.reviews() as reviews:
        decided = reviews.resolve(table.splits, table.keys, table.scores.given_label)
    codes, names = _split_codes(table.splits, samples.splits)
    is_evaluation = np.isin(codes, [at for at, split in enumerate(names) if split in EVALUATION_SPLITS])
    is_untouched: BoolArray = is_evaluation & (not rule.clean_evaluation_splits)
    curated = curate(
        rule,
        table.scores,
        verification_labels=decided.verification_labels,
        correct_labels=decided.correct_labels,
        is_untouched=is_untouched,
    )
    class_names = workspace.class_names()
    rows = {split: np.flatnonzero((codes == at) & (curated.action != DROPPED)) for at, split in enumerate(names)}
    export = ExportSamples(
        workspace.image_root.resolve(),
        class_names,
        table.keys,
        [samples.uris[place] for place in places],
        table.scores.given_label,
        curated.label,
        table.scores.label_quality,
        curated.sample_weight,
        {split: kept for split, kept in rows.items() if kept.size},
    )
    _check_something_left(export)
    splits = {
        split: _split_plan(split, rule, codes == at, table.scores.given_label, curated, len(class_names), samples)
        for at, split in enumerate(names)
    }
    hashes = input_hashes(workspace)
    stale = stale_inputs(read_about(path), hashes)
    inputs = {key: hashes[key] for key in ("classes", "samples", "decisions")} | {"scores": artifact_hash(path)}
    notes += _notes(rule, table.scores, decided, is_untouched) + _stale_note(stale)
    return ExportPlan(name, export, samples.uris, splits, inputs, notes, bool(stale))


def join_scores(samples: SampleTable, table: ScoreTable) -> tuple[ScoreTable, IntArray, tuple[str, ...]]:
    """Give the scores of the samples there are, and the row among these of each."""
    places = sample_rows(samples, table.splits, table.keys)
    notes: tuple[str, ...] = ()
    if (places < 0).any():
        kept = np.flatnonzero(places >= 0)
        notes = (f"{places.size - kept.size} scores belong to no sample and are left out",)
        columns = {name: values[kept] for name, values in vars(table.scores).items()}
        keys, splits = [table.keys[row] for row in kept], [table.splits[row] for row in kept]
        quality = table.verifier_quality[kept]
        table, places = ScoreTable(keys, splits, LabelScores(**columns), quality, table.score_name), places[kept]
    changed = np.flatnonzero(samples.given_labels[places] != table.scores.given_label)
    if changed.size:
        raise WorkspaceError(
            f"{changed.size} given labels have changed since they were scored, as that of {table.keys[changed[0]]!r}; "
            "run `noisette detect` again"
        )
    return table, places, notes


def _split_codes(splits: list[str], all_splits: list[str]) -> tuple[IntArray, list[str]]:
    """Give the number of each row's split, and the splits: train, validation, test, then others by name."""
    found = pa.array(all_splits, pa.string()).unique().to_pylist()
    names = sorted(found, key=lambda split: (_FIRST.index(split) if split in _FIRST else len(_FIRST), split))
    encoded = pa.array(splits, pa.string()).dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    number = np.array([names.index(split) for split in encoded.dictionary.to_pylist()], dtype=np.int64)
    codes: IntArray = number[encoded.indices.to_numpy()]
    return codes, names


def _split_plan(
    split: str,
    rule: CurationRule,
    is_in: BoolArray,
    given: IntArray,
    curated: Curated,
    num_classes: int,
    samples: SampleTable,
) -> SplitPlan:
    part = Curated(curated.action[is_in], curated.label[is_in], curated.sample_weight[is_in])
    is_cleaned = rule.clean_evaluation_splits or split not in EVALUATION_SPLITS
    num_without_score = samples.splits.count(split) - int(is_in.sum())
    return SplitPlan(is_cleaned, count_changes(given[is_in], part, num_classes), num_without_score)


def _check_something_left(export: ExportSamples) -> None:
    if export.num_rows == 0:
        raise InvalidInputError(
            "no sample is left to export; lower --drop-below, or look at `noisette report` to see what went wrong"
        )
    if not any(export.uris[row] for rows in export.splits.values() for row in rows):
        raise InvalidInputError(
            "the samples of this workspace have no pictures (it was made from features alone); make it with "
            "`noisette init DIR --images DIR`, or export a table: `noisette export labels.csv`"
        )


def _notes(
    rule: CurationRule, scores: LabelScores, decided: ResolvedLabels, is_untouched: BoolArray
) -> tuple[str, ...]:
    notes: list[str] = []
    if decided.changed.any():
        notes.append(
            f"{int(decided.changed.sum())} decisions were taken on another given label than today's and count as none"
        )
    quality = scores.label_quality[(decided.verification_labels == UNVERIFIED) & ~is_untouched]
    unknown = int(np.isnan(quality).sum())
    if rule.drop_below is None and quality.size and unknown == quality.size:
        notes.append(
            "there are no verification labels, so no label is suspicious and all are kept but those decided wrong; "
            "check some, import them with `noisette labels import`, and run `noisette detect` again"
        )
    elif rule.drop_below is not None and unknown:
        notes.append(f"{unknown} labels have no quality; they are kept")
    elif quality.size and (decided.verification_labels[~is_untouched] == UNVERIFIED).all():
        notes.append(
            "nobody has checked a label: what is dropped rests on a classifier trained on the given labels; check "
            "about a hundred, import them with `noisette labels import`, and run `noisette detect` again"
        )
    return tuple(notes)


def stale_inputs(about: dict[str, Any] | None, hashes: dict[str, str]) -> list[str]:
    """Name what has changed since the scores were made."""
    made_from = {} if about is None else about.get("inputs", {})
    return [name for name, value in sorted(hashes.items()) if name in made_from and made_from[name] != value]


def _stale_note(stale: list[str]) -> tuple[str, ...]:
    if not stale:
        return ()
    return (f"the scores are older than today's {' and '.join(stale)}; run `noisette detect` again, then export",)
