"""``noisette score``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from noisette.cli.console import JsonOption, command, finish, progress_bar, warn
from noisette.cli.init import MaxBadOption, OnErrorOption, on_error_value, share


@command
def score(
    features: Annotated[Path, typer.Option(help="Features: .tsv (key, class, numbers), .npy, .npz, .csv or Parquet.")],
    verifier: Annotated[Path, typer.Option(help="A saved verifier, such as WORKSPACE/verifiers/cleannet.")],
    output: Annotated[Path, typer.Option(help="File to write: key, similarity, label quality, tab-separated.")],
    labels: Annotated[Path | None, typer.Option(help="Given labels, where the features do not hold them.")] = None,
    on_error: OnErrorOption = "skip",
    max_bad: MaxBadOption = "1%",
    as_json: JsonOption = False,
) -> None:
    """Score the labels of any feature table with a saved verifier; no workspace needed."""
    from noisette.pipeline.score import score_file
    from noisette.types import BadRows

    bad = BadRows(on_error="stop" if on_error_value(on_error) == "stop" else "skip", max_bad=share(max_bad))
    with progress_bar() as progress:
        done = score_file(features, verifier, output, labels=labels, bad_rows=bad, progress=progress)
    for row in bad.rows[:10]:
        warn(str(row))
    wrong = "" if done.num_issues is None else f", {done.num_issues} look wrong"
    lines = [f"{done.num_rows} labels scored{wrong}: {output}", bad.summary()]
    result = {"path": str(output), "rows": done.num_rows, "issues": done.num_issues, "bad_rows": dict(bad.counts)}
    finish(result, as_json, lines, None)
