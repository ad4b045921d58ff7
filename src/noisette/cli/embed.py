"""``noisette embed``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from noisette.cli.console import JsonOption, WorkspaceOption, command, finish, progress_bar, quoted, warn
from noisette.cli.init import on_error_value, share

if TYPE_CHECKING:
    from noisette.pipeline.embed import EmbedResult

WorkersOption = Annotated[
    int | None,
    typer.Option(min=0, help="Processes that load pictures; 0 = none beside this one.", show_default="cores"),
]
DeviceOption = Annotated[str, typer.Option(help="cpu, cuda, cuda:1, mps; auto = a GPU where there is one.")]
_SHOWN = 10


@command
def embed(
    workspace: WorkspaceOption = None,
    backbone: Annotated[
        str | None,
        typer.Option(
            help="A timm model; pixels[:SIDE]; FILE.py:function of yours; or the folder of a trained classifier."
        ),
    ] = None,
    weights: Annotated[
        str | None, typer.Option(help='Weights from a file (.safetensors, .pth); "" = timm\'s pretrained ones.')
    ] = None,
    layer: Annotated[
        str | None, typer.Option(help='Features: the input of this module; "output"; else of the last layer.')
    ] = None,
    image_size: Annotated[int | None, typer.Option(min=0, help="Side in pixels; 0 = the backbone's own.")] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Pictures a forward pass.")] = None,
    dtype: Annotated[str | None, typer.Option(help="How features are stored: float16 or float32.")] = None,
    precision: Annotated[str | None, typer.Option(help="Arithmetic: auto, float32, float16 or bfloat16.")] = None,
    unusual: Annotated[
        str | None, typer.Option(help="CMYK, 16-bit, EXIF-rotated, animated pictures: convert or skip.")
    ] = None,
    on_error: Annotated[str | None, typer.Option(help="Broken pictures: skip, or stop at the first.")] = None,
    max_bad: Annotated[str | None, typer.Option(help="With skip: the largest share of them, as 0.01 or 1%.")] = None,
    num_workers: WorkersOption = None,
    device: DeviceOption = "auto",
    fresh: Annotated[bool, typer.Option("--fresh", help="Start over, even where nothing has changed.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Make features of pictures; stopped or killed, it goes on at the next batch. Options are kept as settings."""
    from noisette.pipeline.embed import embed as run_embed
    from noisette.pipeline.workspace import open_workspace, with_settings

    # What belongs to another backbone does not outlive it.
    unset: dict[str, Any] = {} if backbone is None else {"weights": "", "layer": "", "image_size": 0}
    options: dict[str, Any] = {
        "backbone": None if backbone is None else with_whole_path(backbone),
        "weights": unset.get("weights") if weights is None else str(Path(weights).resolve()) if weights else "",
        "layer": unset.get("layer") if layer is None else layer,
        "image_size": unset.get("image_size") if image_size is None else image_size,
        "batch_size": batch_size,
        "dtype": dtype,
        "precision": precision,
    }
    policy = {
        "on_error": None if on_error is None else on_error_value(on_error),
        "max_bad": None if max_bad is None else share(max_bad),
    }
    opened = with_settings(open_workspace(workspace), embed=options, images={"unusual": unusual}, input=policy)
    with progress_bar() as progress:
        done = run_embed(opened, progress, num_workers=num_workers, device=device, fresh=fresh)
    warn_of_pictures(done)
    finish(embed_json(done), as_json, embed_lines(done), f"noisette detect -w {quoted(opened.root)}")


def warn_of_pictures(done: EmbedResult) -> None:
    """Name the first pictures that were left out, the first time."""
    for row in () if done.was_current else done.bad.rows[:_SHOWN]:
        warn(str(row))


def embed_lines(done: EmbedResult) -> list[str]:
    """Lay out what `embed` did for people."""
    state = " (nothing to do)" if done.was_current else f" ({done.resumed} of them from before)" if done.resumed else ""
    lines = [f"{done.num_rows} pictures, {done.num_features} features each by {done.backbone}: {done.path}{state}"]
    if done.was_current:
        return lines
    names = ["skipped.txt"] * bool(done.bad.num_bad) + ["converted.txt"] * bool(done.bad.converted)
    return [*lines, done.bad.summary() + (f"; see {' and '.join(names)} there" if names else "")]


def embed_json(done: EmbedResult) -> dict[str, Any]:
    """Give what `embed` did as JSON values."""
    return {
        "path": str(done.path),
        "num_rows": done.num_rows,
        "num_features": done.num_features,
        "backbone": done.backbone,
        "was_current": done.was_current,
        "resumed": done.resumed,
        "bad_pictures": dict(done.bad.counts),
        "converted_pictures": dict(done.bad.converted),
    }


def with_whole_path(backbone: str) -> str:
    """Give the path in FILE.py:function, or of a folder, from the root on: settings outlive the folder of the call."""
    file, colon, function = backbone.rpartition(":")
    if file.endswith(".py"):
        return f"{Path(file).resolve()}{colon}{function}"
    return str(Path(backbone).resolve()) if (Path(backbone) / "model.json").is_file() else backbone
