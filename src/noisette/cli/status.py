"""``noisette status``."""

from __future__ import annotations

from dataclasses import asdict

from noisette.cli.console import JsonOption, WorkspaceOption, command, finish, quoted


@command
def status(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """Say what the workspace holds, what is stale, and why."""
    from noisette.pipeline.status import workspace_status
    from noisette.pipeline.workspace import open_workspace

    opened = open_workspace(workspace)
    found = workspace_status(opened)
    counts = found.decisions
    verdicts = f"{counts.correct} correct, {counts.mislabelled} mislabelled, {counts.unsure} unsure"
    lines = [
        f"{found.num_samples} samples of {found.num_classes} classes",
        f"{counts.samples} verified: {verdicts}",
    ]
    shown = (*found.artifacts, *found.models)
    width = max(len(artifact.path) for artifact in shown)
    for artifact in shown:
        reason = f" ({artifact.reason})" if artifact.reason else ""
        lines.append(f"{artifact.path.ljust(width)}  {artifact.state}{reason}")
    next_command = f"noisette run -w {quoted(opened.root)}" if not found.is_current else None
    finish(asdict(found), as_json, lines, next_command)
