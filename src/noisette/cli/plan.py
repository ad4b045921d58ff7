"""``noisette plan``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from noisette.cli.console import JsonOption, WorkspaceOption, command, finish, quoted, table, warn

if TYPE_CHECKING:
    from noisette.pipeline.plan_result import Coverage, PlanResult

CLASSES_SHOWN, NAMES_SHOWN = 10, 5


@command
def plan(
    workspace: WorkspaceOption = None,
    budget: Annotated[int | None, typer.Option(min=1, help="Labels to propose (100).", show_default=False)] = None,
    minutes: Annotated[
        float | None, typer.Option(min=0, help="Time to spend instead, by the seconds that decisions took so far.")
    ] = None,
    audit_share: Annotated[float, typer.Option(min=0, max=1, help="Share drawn uniformly at random.")] = 0.2,
    target_error: Annotated[
        float | None, typer.Option(min=0, max=1, help="Say how many more labels this share of wrong verdicts takes.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="A .csv, .tsv or .parquet file; plan.csv in the workspace.", show_default=False)
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Of the draw; the workspace's.", show_default=False)] = None,
    as_json: JsonOption = False,
) -> None:
    """Propose which labels to check next, as a file to fill in and import."""
    from noisette.pipeline.plan import plan as run_plan
    from noisette.pipeline.workspace import open_workspace

    if budget is not None and minutes is not None:
        raise typer.BadParameter("give --budget or --minutes, not both")
    opened = open_workspace(workspace)
    found = run_plan(
        opened,
        budget=budget,
        minutes=minutes,
        audit_share=audit_share,
        target_error=target_error,
        output=output,
        seed=seed,
    )
    for note in found.notes:
        warn(note)
    next_command = f"noisette labels import {quoted(Path(found.path))} -w {quoted(opened.root)}"
    finish(found.to_json(), as_json, plan_lines(found, target_error), next_command)


def plan_lines(found: PlanResult, target_error: float | None) -> list[str]:
    """Lay out a plan for people."""
    rows = [(row.name, str(row.proposed), str(row.audit), str(row.verified)) for row in found.classes[:CLASSES_SHOWN]]
    more = len(found.classes) - len(rows)
    return [
        f"{found.num_proposed} labels to check, {found.num_audit} of them drawn at random: {found.path}",
        "fill in verification_label (1 correct, 0 mislabelled) or correct_label; rows left empty stay undecided",
        "",
        *table(("class", "to check", "at random", "checked so far"), rows),
        *([f"... and {more} classes more"] if more else []),
        "",
        *_coverage_lines(found.coverage),
        _time_line(found),
        *_outlook_lines(found, target_error),
    ]


def _coverage_lines(coverage: Coverage) -> list[str]:
    none = f"{len(coverage.unverified)} with none{_some(coverage.unverified)}"
    known = f"{coverage.known} of {coverage.known + len(coverage.unknown)}"
    least = f"; least known{_some(coverage.unknown)}" if coverage.unknown else ""
    return [
        f"classes by checked labels: {coverage.covered} with 5 or more, {coverage.thin} with 1 to 4, {none}",
        f"classes whose share of wrong labels is known within 25 percentage points: {known}{least}",
    ]


def _some(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:NAMES_SHOWN])
    dots = ", ..." if len(names) > NAMES_SHOWN else ""
    return f" ({shown}{dots})" if names else ""


def _time_line(found: PlanResult) -> str:
    if found.minutes is None or found.seconds_per_decision is None:
        return "time: not known, no decision so far says how many seconds it took"
    return f"time: about {found.minutes:.0f} minutes, at {found.seconds_per_decision:.1f} s a decision"


def _outlook_lines(found: PlanResult, target_error: float | None) -> list[str]:
    if found.error is None or found.standard_error is None or found.gain is None:
        return []
    lines = [
        f"wrong verdicts: about {found.error:.1%} of all labels (standard error {found.standard_error:.1%}); 100 more "
        f"checked labels take about {100 * found.gain:.2f} percentage points off",
        "(by labels set right, and better verdicts on the others)",
    ]
    if target_error is not None and found.labels_to_target is not None:
        lines.append(f"for {target_error:.1%} wrong verdicts: about {found.labels_to_target:,} more checked labels")
    if found.stop:
        lines.append("stop: checking more gains little, less than 0.1 percentage points a hundred labels")
    return lines
