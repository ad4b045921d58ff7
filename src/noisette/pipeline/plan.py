"""`noisette plan`: which labels to verify next, as a file to fill in and import, and what more of them would gain."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
from scipy.stats import rankdata

from noisette.errors import InvalidInputError, NotVerifiedError, WorkspaceError
from noisette.pipeline.descriptions import about_scores
from noisette.pipeline.detection_file import detection_of
from noisette.pipeline.duplicates import duplicate_groups
from noisette.pipeline.labelled import EVALUATION_SPLITS
from noisette.pipeline.plan_file import check_no_answers_are_lost, write_plan
from noisette.pipeline.plan_labels import PlannedLabels
from noisette.pipeline.plan_result import ClassTable, PlanResult
from noisette.pipeline.provenance import about_step, artifact_hash, input_hashes, record, state_of
from noisette.pipeline.score_tables import ScoreTable, read_scores
from noisette.pipeline.workspace import Workspace
from noisette.planning import propose
from noisette.store import ResolvedLabels
from noisette.types import Float64Array, IntArray

DEFAULT_BUDGET = 100


def plan(
    workspace: Workspace,
    *,
    budget: int | None = None,
    minutes: float | None = None,
    audit_share: float = 0.2,
    target_error: float | None = None,
    output: Path | None = None,
    seed: int | None = None,
) -> PlanResult:
    """Propose labels to verify, and write them to a file with empty columns for the answers.

    Samples of evaluation splits, and those that somebody could not tell, are not proposed; of the copies of a picture
    one is.

    Args:
        workspace: the workspace.
        budget: labels to propose; 100 unless `minutes` is given.
        minutes: time to spend, by the median time that a decision took so far.
        audit_share: share of the labels drawn uniformly at random.
        target_error: a wanted share of wrong verdicts, in [0, 1].
        output: .csv, .tsv or .parquet; None: `plan.csv` in the workspace.
        seed: of the draw; None: the workspace's.

    Raises:
        WorkspaceError: `detect` has not been run.
        NotVerifiedError: `minutes` is given, and no decision was timed; or nothing is left to verify.
        InvalidInputError: an impossible option, or the file holds answers that are not imported.
    """
    path = workspace.plan if output is None else output
    chosen = str(detection_of(workspace)["chosen"])
    table = read_scores(workspace.need(workspace.scores(chosen), f"noisette detect --verifier {chosen}"))
    with workspace.reviews() as store:
        decided = store.resolve(table.splits, table.keys, table.scores.given_label)
        seconds = store.median_seconds()
    check_no_answers_are_lost(workspace, path)
    inputs = input_hashes(workspace)
    count = _budget(budget, minutes, seconds)
    rows = _candidates(table, decided)
    if not (decided.verification_labels[rows] < 0).any():
        raise NotVerifiedError("nothing is left to verify: every sample outside validation and test has a decision")
    seed = workspace.settings.project.random_state if seed is None else seed
    quality, notes = _quality(table, rows)
    groups = duplicate_groups(workspace, table.keys, table.splits)
    found = propose(
        quality,
        table.scores.given_label[rows],
        decided.verification_labels[rows],
        len(workspace.class_names()),
        count,
        audit_share=audit_share,
        duplicate_groups=None if groups is None else groups[rows],
        # Each draw has to be independent of what earlier ones took, or its chances are not what they seem.
        random_state=np.random.default_rng([seed, int(inputs["decisions"], 16)]),
    )
    found = dataclasses.replace(found, rows=rows[found.rows])
    labels = PlannedLabels.of(table, decided, rows, quality, len(workspace.class_names()))
    write_plan(path, table, found, workspace.class_names())
    if path == workspace.plan:
        settings = {"budget": count, "audit_share": audit_share, "seed": seed, "verifier": chosen}
        scores = {"scores": artifact_hash(workspace.scores(chosen))}
        record(path, about_step("plan", settings, inputs | scores))
    return PlanResult.of(
        path,
        found,
        ClassTable.of(workspace.class_names(), table.scores.given_label, found, labels),
        seconds,
        labels.outlook(table.scores.score[rows], audit_share),
        target_error,
        (*_stale_note(workspace, chosen, inputs), *notes),
    )


def _budget(budget: int | None, minutes: float | None, seconds: float | None) -> int:
    if minutes is None:
        return DEFAULT_BUDGET if budget is None else budget
    if seconds is None:
        raise NotVerifiedError(
            "`minutes` needs to know how long a decision takes, and none says so (column `seconds` of `noisette labels "
            "import`); give a budget instead: noisette plan --budget 100"
        )
    count = int(minutes * 60 / seconds) if 0 < minutes < math.inf else 0
    if count < 1:
        raise InvalidInputError(f"`minutes` must be enough for a decision, which takes {seconds:.1f} s; got {minutes}")
    return count


def _candidates(table: ScoreTable, decided: ResolvedLabels) -> IntArray:
    """Give the rows that a plan is about: those learned from, but the ones that somebody could not tell."""
    apart = np.isin(np.array(table.splits, dtype=object), EVALUATION_SPLITS)
    return np.flatnonzero(~apart & ~decided.is_unsure)


def _quality(table: ScoreTable, rows: IntArray) -> tuple[Float64Array, tuple[str, ...]]:
    """Give P(given label is correct) as the verifier sees it; its rank, where it has no probabilities."""
    quality = table.verifier_quality[rows]
    if not np.isnan(quality).any():
        return quality, ()
    ranks = (rankdata(table.scores.score[rows]) - 0.5) / max(1, rows.size)
    return np.asarray(ranks, dtype=np.float64), (
        "the verifier has no probabilities yet: labels are chosen by the rank of their scores",
    )


def _stale_note(workspace: Workspace, chosen: str, inputs: dict[str, str]) -> tuple[str, ...]:
    if not workspace.verifier(chosen).exists():
        raise WorkspaceError(f"verifiers/{chosen} is gone; run `noisette detect` again")
    state, reason = state_of(workspace.scores(chosen), about_scores(workspace, chosen, inputs))
    if state == "current":
        return ()
    return (f"the scores are {state} ({reason}); `noisette detect` makes them anew, and the plan better",)
