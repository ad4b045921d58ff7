"""``noisette labels import`` and ``noisette labels export``."""

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
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .csv, .tsv or .parquet file to write.")],
    workspace: WorkspaceOption = None,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the decision in force for each verified sample."""
    from noisette.pipeline.labels import export_labels

    opened = _open(workspace, database)
    rows = export_labels(opened, file)
    finish({"path": str(file), "rows": rows}, as_json, [f"{rows} verified samples written to {file}"], None)


def _open(path: Path | None, database: str | None) -> Workspace:
    """Open the workspace with the database that was asked for, and say what moved."""
    from noisette.pipeline.database import use_database
    from noisette.pipeline.workspace import open_workspace

    workspace, move = use_database(open_workspace(path), database)
    if move is not None:
        came = f"{move.copied} rows copied from {move.before}" if move.copied else f"nothing copied from {move.before}"
        typer.echo(f"decisions are kept in {move.name} from now on ({came})", err=True)
    return workspace
