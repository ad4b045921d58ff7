"""``noisette convert``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from noisette.cli.console import JsonOption, command, finish, progress_bar, warn
from noisette.cli.init import MaxBadOption, OnErrorOption, on_error_value, share


@command
def convert(
    source: Annotated[
        Path, typer.Argument(metavar="SOURCE", help="A .tsv, .npy, .parquet, or references .safetensors file.")
    ],
    target: Annotated[Path, typer.Argument(metavar="TARGET", help="A .tsv, .npy or .parquet file to write.")],
    class_list: Annotated[Path, typer.Option(help="Class names, one a line.")],
    kind: Annotated[
        str | None,
        typer.Option(help="verified (train, val), all or ref; else by the name of the file, as train.npy or all.tsv."),
    ] = None,
    allow_pickle: Annotated[
        bool, typer.Option(help="Read all.npy, which is a pickled array; trusted files only.")
    ] = False,
    on_error: OnErrorOption = "skip",
    max_bad: MaxBadOption = "1%",
    as_json: JsonOption = False,
) -> None:
    """Convert between the reference implementation's .tsv and .npy files and Parquet."""
    from noisette.pipeline.convert import convert_file
    from noisette.types import BadRows

    bad = BadRows(on_error="stop" if on_error_value(on_error) == "stop" else "skip", max_bad=share(max_bad))
    with progress_bar() as progress:
        rows = convert_file(source, target, class_list, bad, kind=kind, allow_pickle=allow_pickle, progress=progress)
    for row in bad.rows[:10]:
        warn(str(row))
    result = {"path": str(target), "rows": rows, "bad_rows": dict(bad.counts)}
    finish(result, as_json, [f"{rows} rows written to {target}", bad.summary()], None)
