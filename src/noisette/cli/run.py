"""``noisette run``."""

from __future__ import annotations

from typing import Annotated

import typer

from noisette.cli.console import JsonOption, WorkspaceOption, command, finish, progress_bar, quoted, warn
from noisette.cli.detect import detection_lines
from noisette.cli.embed import DeviceOption, WorkersOption, embed_json, embed_lines, warn_of_pictures
from noisette.cli.init import share
from noisette.cli.train import show_warnings, train_lines


@command
def run(
    workspace: WorkspaceOption = None,
    max_bad: Annotated[
        str | None, typer.Option(help="The largest share of broken pictures, as 0.01 or 1%; kept as a setting.")
    ] = None,
    train: Annotated[bool, typer.Option("--train", help="Train the classifier, too; see noisette train.")] = False,
    num_workers: WorkersOption = None,
    device: DeviceOption = "auto",
    as_json: JsonOption = False,
) -> None:
    """Run every step that is stale."""
    from noisette.pipeline.run import run as run_steps
    from noisette.pipeline.workspace import keep_settings, open_workspace, with_settings

    policy = {"max_bad": None if max_bad is None else share(max_bad)}
    opened = with_settings(open_workspace(workspace), input=policy)
    keep_settings(opened)
    with progress_bar() as progress:
        done = run_steps(opened, progress, num_workers=num_workers, device=device, train=train)
    embedding = done.embedding
    if embedding is not None:
        warn_of_pictures(embedding)
    for note in done.detection.notes:
        warn(note)
    pictures = [] if embedding is None else [*embed_lines(embedding), ""]
    lines = [*pictures, *detection_lines(done.detection), f"report: {done.report}"]
    result = done.detection.to_json() | {"report": str(done.report)}
    if embedding is not None:
        result["embedding"] = embed_json(embedding)
    if done.training is not None:
        show_warnings(done.training)
        lines += ["", *train_lines(done.training)]
        result["training"] = done.training.to_json()
    finish(result, as_json, lines, f"{opened.export_command} -w {quoted(opened.root)}")
