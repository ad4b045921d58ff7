"""``noisette run``."""

from __future__ import annotations

from noisette.cli.console import JsonOption, WorkspaceOption, command, finish, progress_bar, quoted, warn
from noisette.cli.detect import detection_lines


@command
def run(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """Run every step that is stale."""
    from noisette.pipeline.run import run as run_steps
    from noisette.pipeline.workspace import open_workspace

    opened = open_workspace(workspace)
    with progress_bar() as progress:
        done = run_steps(opened, progress)
    for note in done.detection.notes:
        warn(note)
    lines = [*detection_lines(done.detection), f"report: {done.report}"]
    result = done.detection.to_json() | {"report": str(done.report)}
    finish(result, as_json, lines, f"noisette export quality.csv -w {quoted(opened.root)}")
