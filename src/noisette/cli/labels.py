"""``noisette labels``: import, export, agreement, repair."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from noisette.cli.console import JsonOption, WorkspaceOption, command, finish, quoted, warn

if TYPE_CHECKING:
    from noisette.pipeline.workspace import Workspace

labels = typer.Typer(help="Verification labels in and out.", no_args_is_help=True, rich_markup_mode=None)

DatabaseOption = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="Keep the decisions there from now on, such as postgresql+psycopg://USER@HOST/DATABASE.",
        show_default=False,
    ),
]


@labels.command("import")
@command
def import_(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="key, verification_label[, correct_label, reviewer, ...].")
    ],
    workspace: WorkspaceOption = None,
    reviewer: Annotated[str, typer.Option(help="Who decided, where the file does not say.")] = "import",
    split: Annotated[str | None, typer.Option(help="Split of the samples, where keys occur in several.")] = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Append the verification labels of FILE to the review store; twice the same file adds nothing."""
    from noisette.pipeline.labels import import_labels

    opened = _open(workspace, database)
    done = import_labels(opened, file, reviewer=reviewer, split=split)
    problems = [str(row) for row in (*done.bad_rows.rows, *done.problems)]
    for problem in problems:
        warn(problem)
    undecided = done.bad_rows.left_out.total()
    lines = [f"{done.added} decisions added ({done.read} rows read, {len(problems)} unusable, {undecided} undecided)"]
    result = {"read": done.read, "added": done.added, "undecided": undecided, "problems": problems}
    finish(result, as_json, lines, f"noisette detect -w {quoted(opened.root)}")


@labels.command("export")
@command
def export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .csv, .tsv, .parquet or .json file to write.")],
    workspace: WorkspaceOption = None,
    format: Annotated[
        str, typer.Option("--format", help="table, label-studio, fiftyone or cleanlab; auto: a table.")
    ] = "auto",
    every_reviewer: Annotated[
        bool, typer.Option("--every-reviewer", help="The last decision of each reviewer, not only what stands.")
    ] = False,
    consensus: Annotated[
        str, typer.Option(help="How reviewers who disagree are joined: vote, or reliability.")
    ] = "vote",
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the decision in force for each verified sample, or those of every reviewer."""
    from noisette.pipeline.labels import export_labels

    opened = _open(workspace, database)
    done = export_labels(opened, file, format=format, every_reviewer=every_reviewer, consensus=consensus)
    lines = [f"{done.rows} decisions written to {file}"]
    if done.left_out:
        lines.append(f"{done.left_out} decisions name no class and are left out of this format")
    finish({"path": str(file), "rows": done.rows, "left_out": done.left_out}, as_json, lines, None)


@labels.command("agreement")
@command
def agreement(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """Say how far the reviewers agree, and how reliable each one is."""
    import dataclasses

    from noisette.pipeline.agreement import reviewer_agreement
    from noisette.pipeline.workspace import open_workspace

    found = reviewer_agreement(open_workspace(workspace))
    lines = [
        f"{found.samples} samples with verdicts of several reviewers; they disagree on {found.disputed}",
        f"Fleiss' kappa {found.kappa:.3f} (1 = always agreed, 0 = as by chance)",
        f"by reliability, {found.overruled} verdicts would be other ones (labels export --consensus reliability)",
        *(
            f"{one.name or '(no name)'}: {one.decisions} decisions, {one.unsure} unsure, {one.disputed} disputed, "
            f"reliability {one.reliability:.3f}"
            for one in found.reviewers
        ),
    ]
    finish(dataclasses.asdict(found), as_json, lines, None)


@labels.command("repair")
@command
def repair(
    workspace: WorkspaceOption = None,
    take_over: Annotated[
        bool, typer.Option("--take-over", help="The database belongs to this workspace from now on, not to another.")
    ] = False,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Derive what stands anew from the decisions, which are not touched, and say what differed."""
    import dataclasses

    with _open(workspace, database, take_over=take_over).reviews(take_over=take_over) as store:
        found = store.repair()
    lines = [f"decisions stand for {found.samples} samples"]
    if found.is_clean:
        lines.append("what was noted of them was right")
    else:
        lines.append(
            f"repaired: {found.missing} were missing, {found.other} were noted otherwise, "
            f"{found.superfluous} were noted and do not stand; the counts of {found.classes} classes were wrong"
        )
    finish(dataclasses.asdict(found), as_json, lines, None)


def _open(path: Path | None, database: str | None, *, take_over: bool = False) -> Workspace:
    """Open the workspace with the database that was asked for, and say what moved."""
    from noisette.pipeline.database import use_database
    from noisette.pipeline.workspace import open_workspace

    workspace, move = use_database(open_workspace(path), database, take_over=take_over)
    if move is not None:
        came = f"{move.copied} rows copied from {move.before}" if move.copied else f"nothing copied from {move.before}"
        typer.echo(f"decisions are kept in {move.name} from now on ({came})", err=True)
    return workspace
