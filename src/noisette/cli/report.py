"""``noisette report``."""

from __future__ import annotations

from noisette.cli.console import JsonOption, WorkspaceOption, command, finish, progress_bar, quoted


@command
def report(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """Write the report: one HTML file that works offline."""
    from noisette.pipeline.report import make_report
    from noisette.pipeline.workspace import open_workspace

    opened = open_workspace(workspace)
    with progress_bar() as progress:
        path = make_report(opened, progress)
    finish({"path": str(path)}, as_json, [f"report: {path}"], f"{opened.export_command} -w {quoted(opened.root)}")
