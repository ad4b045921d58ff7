"""``noisette demo``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from noisette.cli.console import JsonOption, command, finish, progress_bar, quoted, table
from noisette.cli.detect import number, percent


@command
def demo(
    directory: Annotated[Path, typer.Argument(metavar="[DIR]", help="Folder of the demo's workspace.")] = Path(
        "noisette-demo"
    ),
    as_json: JsonOption = False,
) -> None:
    """Show every step on real images: handwritten digits, some mislabelled, labels checked in half of the classes."""
    from noisette.pipeline.demo import run_demo

    with progress_bar() as progress:
        done = run_demo(directory, progress)
    header = ("verifier", "error, checked classes", "error, other classes", "AUROC, checked", "AUROC, other")
    rows = [
        (
            row.name + (" *" if row.name == done.chosen else ""),
            *(percent(value) for value in (row.error_inside, row.error_outside)),
            *(number(value) for value in (row.auroc_inside, row.auroc_outside)),
        )
        for row in done.rows
    ]
    lines = [
        f"{done.num_samples} handwritten digits to learn from, {done.num_wrong} of them mislabelled on purpose;",
        f"{done.num_verified} labels checked, all in the classes {', '.join(done.verified_classes)}.",
        "Against the truth, on labels that nobody checked (* = chosen by classes left out; the truth took no part):",
        "",
        *table(header, rows),
        "",
        f"A classifier trained on all labels names {percent(done.accuracy_before)} of {done.num_test} other digits;",
        f"fine-tuned with the weights of {done.chosen}, {percent(done.accuracy_after)}.",
        "",
        f"report: {done.report}",
    ]
    finish(done.to_json(), as_json, lines, f"noisette status -w {quoted(directory)}")
