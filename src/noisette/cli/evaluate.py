"""``noisette evaluate``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from noisette.cli.console import JsonOption, WorkspaceOption, command, finish, progress_bar, quoted, table
from noisette.cli.detect import cleaning_lines, number, percent

if TYPE_CHECKING:
    from noisette.pipeline.calibration import Calibration
    from noisette.verifier.evaluation import Detection


LEGEND = (
    "error: mean over classes of the share of wrong verdicts; inside: classes with verification labels",
    "error reduced: how much of the error of the best method without verification labels is gone",
)


@command
def evaluate(
    workspace: WorkspaceOption = None,
    held_out: Annotated[
        str | None,
        typer.Option(metavar="FILE|SHARE", help="Classes to hold out: a file of names, or a share as 0.3."),
    ] = None,
    thresholds: Annotated[str, typer.Option(help="Numbers and auto, with commas between.")] = "auto",
    verifiers: Annotated[str, typer.Option(help="Names with commas between; all that detect ran.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Measure verifiers on labels, or on whole classes, whose verification they had not seen."""
    names = [name.strip() for name in verifiers.split(",") if name.strip()]
    if held_out is None:
        _evaluate(workspace, [text.strip() for text in thresholds.split(",")], names, as_json)
    else:
        _evaluate_held_out(workspace, held_out, names, as_json)


def _evaluate(workspace: Path | None, thresholds: Sequence[str], names: Sequence[str], as_json: bool) -> None:
    from noisette.pipeline.evaluate import evaluate as run_evaluate
    from noisette.pipeline.workspace import open_workspace

    opened = open_workspace(workspace)
    found = run_evaluate(opened, thresholds, names)
    lines = ["on verified labels, each scored by a model that had not seen it:", *_figures(found.cross_fitted)]
    if found.evaluation_splits:
        lines += ["", "on the validation and test splits:", *_figures(found.evaluation_splits)]
    if found.calibration:
        lines += ["", *_calibration(found.calibration)]
    if found.cleaning is not None:
        lines += ["", *cleaning_lines(found.cleaning)]
    lines += ["", found.choice_note]
    finish(asdict(found), as_json, lines, f"noisette evaluate --held-out 0.3 -w {quoted(opened.root)}")


def _figures(rows: Sequence[Detection]) -> list[str]:
    header = ("verifier", "average error", "error", "AUROC", "avg. precision", "threshold", "labels")
    cells = [
        (
            row.name,
            *(percent(value) for value in (row.average_error, row.error)),
            *(number(value) for value in (row.auroc, row.average_precision, row.threshold)),
            str(row.num_rows),
        )
        for row in rows
    ]
    return table(header, cells)


def _calibration(rows: Sequence[Calibration]) -> list[str]:
    cells = [
        (row.name, number(row.calibration_error), number(row.brier_score), row.left_out, str(row.num_rows))
        for row in rows
    ]
    lines = table(("probabilities of", "calibration error", "Brier score", "left out", "labels"), cells)
    return [*lines, "calibration error: expected, over 15 bins; left out: what the scoring models had not seen"]


def _evaluate_held_out(workspace: Path | None, held_out: str, names: Sequence[str], as_json: bool) -> None:
    from noisette.pipeline.evaluate import evaluate_held_out
    from noisette.pipeline.workspace import open_workspace
    from noisette.verifier.held_out import held_out_table

    opened = open_workspace(workspace)
    with progress_bar() as progress:
        found = evaluate_held_out(opened, held_out, names, progress)
    class_names = opened.class_names()
    chosen = [class_names[i] for i in found.held_out]
    lines = [f"verification labels held out: {', '.join(chosen)}", "", *held_out_table(found).splitlines(), "", *LEGEND]
    result = asdict(found) | {"held_out": chosen}
    finish(result, as_json, lines, f"noisette report -w {quoted(opened.root)}")
