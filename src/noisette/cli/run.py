"""``noisette run``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from noisette.cli.console import JsonOption, WorkspaceOption, command, finish, progress_bar, quoted, warn
from noisette.cli.detect import detection_lines
from noisette.cli.embed import DeviceOption, WorkersOption, embed_json, embed_lines, warn_of_pictures
from noisette.cli.init import share
from noisette.cli.rounds import rounds_lines
from noisette.cli.train import show_warnings, start_options, train_lines

if TYPE_CHECKING:
    from noisette.pipeline.run import RunResult


@command
def run(
    workspace: WorkspaceOption = None,
    rounds: Annotated[
        int, typer.Option(min=0, metavar="N", help="Rounds of features, wrong labels and a classifier tuned on them.")
    ] = 0,
    joint: Annotated[
        str, typer.Option(help="rounds, or end-to-end: one training of backbone, classifier and CleanNet.")
    ] = "rounds",
    verified_last: Annotated[
        bool, typer.Option("--verified-last", help="After the rounds, tune on labels that people know alone.")
    ] = False,
    weights: Annotated[
        str | None, typer.Option(help="Of the rounds: soft, hard, drop, corrected, ...", show_default="soft")
    ] = None,
    backbone: Annotated[
        str | None, typer.Option(help="What round 0 starts from.", show_default="that of embed")
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Of round 0.", show_default="30")] = None,
    round_epochs: Annotated[int | None, typer.Option(min=1, help="Of each other round.", show_default="10")] = None,
    learning_rate_factor: Annotated[
        float | None, typer.Option(min=0, help="Of each other round's learning rate.", show_default="0.5")
    ] = None,
    max_bad: Annotated[str | None, typer.Option(help="The largest share of broken pictures, as 0.01 or 1%.")] = None,
    train: Annotated[bool, typer.Option("--train", help="Train the classifier, too; see noisette train.")] = False,
    num_workers: WorkersOption = None,
    device: DeviceOption = "auto",
    as_json: JsonOption = False,
) -> None:
    """Run every step that is stale; with --rounds or --joint, train classifier and verifier jointly.

    Options from --weights to --max-bad are kept as settings.
    """
    from noisette.pipeline.run import run as run_steps
    from noisette.pipeline.workspace import keep_settings, open_workspace, with_settings

    opened = with_settings(
        open_workspace(workspace),
        input={"max_bad": None if max_bad is None else share(max_bad)},
        train={"weights": weights, "epochs": epochs},
        rounds={"epochs": round_epochs, "learning_rate_factor": learning_rate_factor},
    )
    opened = with_settings(opened, train=start_options(opened, backbone))
    if joint == "rounds" and not rounds:  # joint trainings keep them when they have been seen to work
        keep_settings(opened)
    with progress_bar() as progress:
        done = run_steps(
            opened,
            progress,
            rounds=rounds,
            joint=joint,
            train=train,
            verified_last=verified_last,
            num_workers=num_workers,
            device=device,
        )
    _show_warnings(done)
    finish(_json(done), as_json, _lines(done), f"{opened.export_command} -w {quoted(opened.root)}")


def _show_warnings(done: RunResult) -> None:
    if done.embedding is not None:
        warn_of_pictures(done.embedding)
    for note in done.detection.notes:
        warn(note)
    if done.training is not None:
        show_warnings(done.training)
    for note in done.notes:
        warn(note)


def _lines(done: RunResult) -> list[str]:
    pictures = [] if done.embedding is None else [*embed_lines(done.embedding), ""]
    lines = [*pictures, *detection_lines(done.detection), f"report: {done.report}"]
    if done.training is not None:
        lines += ["", *train_lines(done.training)]
    return lines if done.rounds is None else [*lines, "", *rounds_lines(done.rounds)]


def _json(done: RunResult) -> dict[str, Any]:
    result = done.detection.to_json() | {"report": str(done.report)}
    if done.embedding is not None:
        result["embedding"] = embed_json(done.embedding)
    if done.training is not None:
        result["training"] = done.training.to_json()
    if done.rounds is not None:
        result["joint"] = done.rounds.to_json()
    return result
