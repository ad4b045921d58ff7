"""``noisette detect`` and ``noisette references``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from noisette.cli.console import JsonOption, WorkspaceOption, command, finish, progress_bar, quoted, table, warn

if TYPE_CHECKING:
    from noisette.pipeline.detect import DetectResult
    from noisette.pipeline.suspicions import Suspicion
    from noisette.scores.cleaning import Cleaning


@command
def detect(
    workspace: WorkspaceOption = None,
    verifier: Annotated[
        str | None,
        typer.Option(help="auto, evidence, cleannet, average, filtering, knn, svm, mlp, label-propagation, ..."),
    ] = None,
    num_references: Annotated[int | None, typer.Option(min=1, help="K-means references a class.")] = None,
    normalization: Annotated[str | None, typer.Option(help="CleanNet: auto, log, l2 or none.")] = None,
    recipe: Annotated[str | None, typer.Option(help="CleanNet: default, or paper (the published one).")] = None,
    num_steps: Annotated[int | None, typer.Option(min=0, help="CleanNet: training steps; 0 = the recipe's.")] = None,
    weights: Annotated[str | None, typer.Option(help="Sample weights: soft or hard.")] = None,
    weight_floor: Annotated[float | None, typer.Option(min=0, max=1, help="Smallest sample weight.")] = None,
    goal: Annotated[
        str | None, typer.Option(help="Flag labels for: error (the lowest), precision=0.9, or budget=500.")
    ] = None,
    top: Annotated[int, typer.Option(min=0, help="Show so many of the most suspicious labels, and why.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Find references, fit the verifier, and score every label."""
    from dataclasses import asdict, replace

    from noisette.pipeline.detect import detect as run_detect
    from noisette.pipeline.suspicions import most_suspicious
    from noisette.pipeline.workspace import open_workspace

    if weights not in (None, "soft", "hard"):
        raise typer.BadParameter(f"--weights must be soft or hard, got {weights!r}")
    if goal is not None:
        _check_goal(goal)
    opened = open_workspace(workspace)
    options: dict[str, Any] = {
        "verifier": verifier,
        "normalization": normalization,
        "recipe": recipe,
        "num_steps": num_steps,
        "weights": weights,
        "weight_floor": weight_floor,
        "goal": goal,
    }
    settings = opened.settings.with_options(detect=options, references={"num_references": num_references})
    with progress_bar() as progress:
        found = run_detect(replace(opened, settings=settings), progress)
    for note in found.notes:
        warn(note)
    worst = most_suspicious(opened, found.chosen, top) if top else ()
    result = found.to_json() | ({"top": [asdict(row) for row in worst]} if top else {})
    lines = [*detection_lines(found), *suspicion_lines(worst)]
    finish(result, as_json, lines, f"noisette report -w {quoted(opened.root)}")


def _check_goal(text: str) -> None:
    from noisette.errors import InvalidInputError
    from noisette.scores.goals import parse_goal

    try:
        parse_goal(text)
    except InvalidInputError as error:
        raise typer.BadParameter(str(error).replace("`goal`", "--goal")) from None


@command
def references(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """Find the K-means references of every class (`detect` does this by itself)."""
    from noisette.pipeline.fitting import workspace_references
    from noisette.pipeline.labelled import load_labelled
    from noisette.pipeline.provenance import input_hashes
    from noisette.pipeline.workspace import open_workspace

    opened = open_workspace(workspace)
    with progress_bar() as progress:
        found = workspace_references(opened, load_labelled(opened), input_hashes(opened), progress)
    num_classes, num_references, num_features = found.shape
    result = {"path": str(opened.references), "shape": list(found.shape)}
    line = (
        f"{num_references} references of {num_features} features for each of {num_classes} classes: {opened.references}"
    )
    finish(result, as_json, [line], f"noisette detect -w {quoted(opened.root)}")


def detection_lines(found: DetectResult) -> list[str]:
    """Lay out what detection found for people."""
    lines = []
    if found.measured:
        header = ("verifier", "average error", "error", "AUROC", "avg. precision", "threshold")
        rows = [
            (
                row.name + (" *" if row.name == found.chosen else ""),
                *(percent(value) for value in (row.average_error, row.error)),
                *(number(value) for value in (row.auroc, row.average_precision, row.threshold)),
            )
            for row in found.measured
        ]
        lines += [f"on {found.num_verified} verified labels, each scored by a model that had not seen it:"]
        lines += [*table(header, rows), ""]
    share = found.num_issues / max(1, found.num_samples)
    lines.append(f"{found.num_issues} of {found.num_samples} labels look wrong ({share:.1%}) by {found.chosen}")
    return [*lines, *cleaning_lines(found.cleaning)]


def cleaning_lines(found: Cleaning) -> list[str]:
    """Lay out what is flagged, what for, and what is left after it."""
    words = f"flagged for the goal {found.goal}: {found.num_flagged} labels that nobody checked"
    if found.expected_precision is not None:
        words += f", {found.expected_precision:.0%} of them expected to be wrong"
    if found.wrong_left is None:
        return [words]
    left = (
        f"expected to be left, once these and the known ones are put right: {found.wrong_left.value:.0f} wrong labels"
    )
    if found.is_bounded:
        left += f" ({found.wrong_left.low:.0f} to {found.wrong_left.high:.0f} with {found.level:.0%} confidence)"
    else:
        left += " (a guess: with three or more checked classes there is an interval)"
    return [words, left]


def suspicion_lines(worst: Sequence[Suspicion]) -> list[str]:
    """Lay out the most suspicious labels, a line each."""
    if not worst:
        return []
    header = ("most suspicious", "given label", "suggestion", "probability", "neighbours")
    rows = [
        (row.key, row.given_label, row.suggested_label or "-", percent(row.suggested_probability), row.evidence)
        for row in worst
    ]
    return ["", *table(header, rows)]


def percent(value: float | None) -> str:
    """Lay out a share as a percentage; a dash where there is none."""
    return "-" if value is None or math.isnan(value) else f"{value:.1%}"


def number(value: float | None) -> str:
    """Lay out a number with three decimals; a dash where there is none."""
    return "-" if value is None or math.isnan(value) else f"{value:.3f}"
