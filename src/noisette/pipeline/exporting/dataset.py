"""`noisette export DIR --as FORMAT`: a cleaned data set to train on; the source is only ever read."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

from noisette.data import write_class_list
from noisette.data.exports import FORMATS, LINKED_FORMATS, ExportFacts, ExportJob, Link, check_format
from noisette.data.exports.shards import count_failures, num_written
from noisette.errors import InvalidInputError
from noisette.files import atomic_open
from noisette.pipeline.creation.rows import bad_rows_policy
from noisette.pipeline.exporting.contents import RULE_FILE
from noisette.pipeline.exporting.plan import ExportPlan, plan_export
from noisette.pipeline.exporting.result import ExportResult, losing_notes
from noisette.pipeline.exporting.target import ExportTarget
from noisette.pipeline.workspace import Workspace
from noisette.scores.curation import CurationRule
from noisette.types import BadRows, Progress, silent

SKIPPED_FILE = "skipped.txt"


def export_dataset(
    workspace: Workspace,
    path: Path,
    format_name: str,
    rule: CurationRule | None = None,
    *,
    link: Link = "copy",
    verifier: str | None = None,
    progress: Progress = silent,
) -> ExportResult:
    """Write the samples that the rule keeps, under their final labels, and beside them what made them.

    An export that is stopped and run again with the same rule goes on where it was. A former export in `path` is
    replaced once the new one is whole.

    Args:
        workspace: the workspace.
        path: a folder that is new, empty, or a former export.
        format_name: imagefolder, filelist, parquet, webdataset or huggingface.
        rule: which samples are kept, dropped, relabelled; None = by the verifier's verdict, nothing relabelled.
        link: image folders: "copy", "hard" or "sym" links.
        verifier: whose scores decide; None = the one that `detect` chose.
        progress: called with the number of samples written.

    Raises:
        InvalidInputError: the folder is not to be written to, or an argument is impossible.
        WorkspaceError: `detect` has not been run.
        NotVerifiedError: the rule asks for label qualities, and there are none.
        TooManyBadRowsError: too many pictures cannot be read.
    """
    rule = rule if rule is not None else CurationRule()
    check_format(format_name)
    if link != "copy" and format_name not in LINKED_FORMATS:
        raise InvalidInputError(f"`link` is for {' and '.join(LINKED_FORMATS)}; {format_name} makes no links")
    target = ExportTarget(path)
    plan = plan_export(workspace, rule, verifier)
    target.check(workspace, plan.samples.root, plan.sources)
    made_by = _made_by(plan, rule, format_name, link)
    journal = target.begin(made_by | {"image_root": _digest(str(plan.samples.root))})
    bad_rows = bad_rows_policy(workspace.settings)
    count_failures(journal, list(plan.samples.splits), bad_rows)
    job = ExportJob(plan.samples, target.partial, journal, bad_rows, progress, link, _digest(made_by))
    write_class_list(target.partial / "classes.txt", plan.samples.class_names)
    facts = FORMATS[format_name](job)
    bad_rows.check(target.path)
    _write_skipped(target.partial / SKIPPED_FILE, bad_rows)
    result = _result(target.path, plan, made_by, facts, job)
    target.finish(result.rule_file())
    return result


def _made_by(plan: ExportPlan, rule: CurationRule, format_name: str, link: Link) -> dict[str, Any]:
    """Describe what makes an export: the same gives the same bytes."""
    return {
        "version": version("noisette"),
        "format": format_name,
        "link": link,
        "rule": dataclasses.asdict(rule),
        "verifier": plan.verifier,
        "inputs": plan.inputs,
    }


def _result(path: Path, plan: ExportPlan, made_by: dict[str, Any], facts: ExportFacts, job: ExportJob) -> ExportResult:
    names = plan.samples.class_names
    empty = [split for split in plan.splits if split not in plan.samples.splits or not num_written(job, split)]
    notes = [*plan.notes, *losing_notes(plan.splits, names), *facts.notes]
    notes += [f"nothing of split {split!r} is left to write" for split in empty]
    if job.bad_rows.num_bad:
        notes.append(f"pictures that cannot be written: {job.bad_rows.summary()}; they are listed in {SKIPPED_FILE}")
    return ExportResult(
        path,
        made_by,
        names,
        plan.splits,
        {split: name for split, name in facts.split_names.items() if split not in empty},
        facts.folders,
        job.bad_rows.num_bad,
        tuple(notes),
        plan.is_stale,
    )


def _write_skipped(path: Path, bad_rows: BadRows) -> None:
    """List the pictures that could not be read, where there are any."""
    path.unlink(missing_ok=True)
    if not bad_rows.num_bad:
        return
    with atomic_open(path) as file:
        file.writelines(f"{row}\n" for row in bad_rows.rows)
        if bad_rows.num_bad > len(bad_rows.rows):
            file.write(f"and {bad_rows.num_bad - len(bad_rows.rows)} more: {bad_rows.summary()}\n")


def _digest(values: object) -> str:
    return hashlib.blake2b(json.dumps(values, sort_keys=True).encode(), digest_size=16).hexdigest()


__all__ = ["RULE_FILE", "SKIPPED_FILE", "export_dataset"]
