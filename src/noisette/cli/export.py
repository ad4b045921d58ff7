"""``noisette export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from noisette.cli.console import JsonOption, WorkspaceOption, command, finish


@command
def export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .csv, .tsv or .parquet file to write.")],
    workspace: WorkspaceOption = None,
    verifier: Annotated[str | None, typer.Option(help="Whose scores; the one that detect chose.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Write the quality, verdict, suggestion and weight of every label as a table."""
    from noisette.pipeline.export import export_table
    from noisette.pipeline.workspace import open_workspace

    rows = export_table(open_workspace(workspace), file, verifier)
    finish({"path": str(file), "rows": rows}, as_json, [f"{rows} labels written to {file}"], None)
