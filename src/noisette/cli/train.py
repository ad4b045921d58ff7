"""``noisette train``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from noisette.cli.console import JsonOption, WorkspaceOption, command, finish, progress_bar, quoted, table, warn
from noisette.cli.embed import DeviceOption, WorkersOption, with_whole_path
from noisette.cli.init import share
from noisette.cli.processes import in_every_process

if TYPE_CHECKING:
    from noisette.pipeline.train import TrainResult
    from noisette.pipeline.train_result import TrainFacts
    from noisette.pipeline.workspace import Workspace

_COLUMNS = ("top1", "top5", "macro_accuracy", "nll", "ece")
_SHARES = _COLUMNS[:3]
_SHOWN = 10


@in_every_process
@command
def train(
    workspace: WorkspaceOption = None,
    name: Annotated[str, typer.Option(help="Of the classifier: it goes to models/NAME.")] = "classifier",
    weights: Annotated[
        str | None,
        typer.Option(
            help="soft, hard, none, drop, corrected, corrected-soft, verified or end-to-end.", show_default="soft"
        ),
    ] = None,
    relabel_above: Annotated[
        float | None,
        typer.Option(min=0, max=1, metavar="P", help="corrected: least probability of a suggestion that is taken."),
    ] = None,
    verifier: Annotated[str | None, typer.Option(help="Whose scores; the one that detect chose.")] = None,
    hold_out: Annotated[
        str | None,
        typer.Option(metavar="SHARE", help="Of the verified training samples: measured on, not learned from; as 20%."),
    ] = None,
    head: Annotated[
        str | None,
        typer.Option(help="plain, heteroscedastic, diagonal, parameter-efficient or xl.", show_default="plain"),
    ] = None,
    num_factors: Annotated[int | None, typer.Option(min=1, help="Rank of a head's covariance.")] = None,
    temperature: Annotated[float | None, typer.Option(min=0, help="Of a head; 0 = its own.")] = None,
    backbone: Annotated[
        str | None,
        typer.Option(
            help="A timm model; small-resnet[:WIDTH]; FILE.py:function of yours; or a trained classifier.",
            show_default="that of embed",
        ),
    ] = None,
    pretrained: Annotated[
        str | None, typer.Option(help='Weights to start from, a file (.safetensors, .pth); "" = the model\'s own.')
    ] = None,
    from_scratch: Annotated[
        bool | None, typer.Option("--from-scratch/--no-from-scratch", help="Start from random weights.")
    ] = None,
    image_size: Annotated[int | None, typer.Option(min=0, help="Side in pixels; 0 = the backbone's own.")] = None,
    augment: Annotated[
        str | None, typer.Option(help="shift (small pictures), crop (large ones), none; auto.", show_default="auto")
    ] = None,
    flip: Annotated[
        bool | None, typer.Option("--flip/--no-flip", help="Mirror half of the pictures; not for digits.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Passes over the training set.")] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Samples a step.")] = None,
    optimizer: Annotated[str | None, typer.Option(help="sgd or adamw.")] = None,
    learning_rate: Annotated[float | None, typer.Option(min=0, help="At its highest.")] = None,
    momentum: Annotated[float | None, typer.Option(min=0, max=1, help="Of sgd.")] = None,
    weight_decay: Annotated[float | None, typer.Option(min=0, help="Of matrices; vectors have none.")] = None,
    schedule: Annotated[str | None, typer.Option(help="cosine, steps or constant, after the warm-up.")] = None,
    warmup_epochs: Annotated[float | None, typer.Option(min=0, help="Over which the learning rate rises.")] = None,
    step_epochs: Annotated[
        str | None, typer.Option(metavar="N,N", help="steps: epochs at which the learning rate falls.")
    ] = None,
    step_factor: Annotated[float | None, typer.Option(min=0, help="steps: what it is multiplied with.")] = None,
    label_smoothing: Annotated[float | None, typer.Option(min=0, max=1, help="Share spread over all classes.")] = None,
    mixup: Annotated[float | None, typer.Option(min=0, help="Alpha of mixup; 0 = none.")] = None,
    ema_decay: Annotated[
        float | None, typer.Option(min=0, max=1, help="Of a moving average of the weights; 0 = none.")
    ] = None,
    clip_norm: Annotated[float | None, typer.Option(min=0, help="Largest norm of the gradient; 0 = any.")] = None,
    sampling: Annotated[str | None, typer.Option(help="shuffle, balanced or weighted.")] = None,
    precision: Annotated[str | None, typer.Option(help="Arithmetic: float32, float16 or bfloat16.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Of everything random.", show_default="0")] = None,
    max_bad: Annotated[str | None, typer.Option(help="The largest share of broken pictures, as 0.01 or 1%.")] = None,
    checkpoint: Annotated[
        int, typer.Option(min=1, metavar="STEPS", help="Steps between checkpoints; there is one after every epoch.")
    ] = 1000,
    num_workers: WorkersOption = None,
    device: DeviceOption = "auto",
    fresh: Annotated[bool, typer.Option("--fresh", help="Start over, even where nothing has changed.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Train a classifier on weighted labels; stopped or killed, it goes on at the last checkpoint.

    Options hold for this call and are recorded in the classifier; noisette.toml has the defaults.
    """
    options: dict[str, Any] = {
        key: value
        for key, value in locals().items()
        if key
        not in ("workspace", "name", "seed", "max_bad", "checkpoint", "num_workers", "device", "fresh", "as_json")
    }
    from noisette.pipeline.train import train as run_train
    from noisette.pipeline.workspace import open_workspace, with_settings

    del options["backbone"]
    options |= {
        "hold_out": None if hold_out is None else share(hold_out),
        "pretrained": str(Path(pretrained).resolve()) if pretrained else pretrained,
        "step_epochs": None if step_epochs is None else _whole_numbers(step_epochs),
    }
    found = open_workspace(workspace)
    opened = with_settings(
        found,
        train=start_options(found, backbone) | {name: value for name, value in options.items() if value is not None},
        project={"random_state": seed},
        input={"max_bad": None if max_bad is None else share(max_bad)},
    )
    with progress_bar() as progress:
        done = run_train(
            opened,
            progress,
            name=name,
            num_workers=num_workers,
            device=device,
            checkpoint_steps=checkpoint,
            fresh=fresh,
        )
    show_warnings(done)
    where = quoted(opened.root)
    then = f"noisette embed --backbone {name} -w {where}" if opened.has_images else f"noisette report -w {where}"
    finish(done.to_json(), as_json, train_lines(done), then)


def start_options(workspace: Workspace, backbone: str | None) -> dict[str, Any]:
    """Give the settings of a backbone; another one does not take the weights that were meant for the one before."""
    if backbone is None:
        return {}
    name = with_whole_path(backbone)
    is_other = name != workspace.settings.train.backbone
    return {"backbone": name} | ({"pretrained": ""} if is_other else {})


def show_warnings(done: TrainResult) -> None:
    """Name the first pictures that were left out, and say what a person should know."""
    for row in done.bad[:_SHOWN]:
        warn(str(row))
    for note in done.facts.notes:
        warn(note)


def train_lines(done: TrainResult) -> list[str]:
    """Lay out what `train` did for people: what was learned from, and how good it is."""
    facts = done.facts
    state = " (nothing to do)" if done.was_current else ""
    lines = [
        f"{facts.architecture}, {facts.head} head, {facts.num_parameters:,} parameters: {done.path}{state}",
        _learned(facts),
    ]
    rows = []
    for split, kinds in facts.evaluation.items():
        for kind, metrics in kinds.items():
            numbers = [_number(name, metrics[name]) for name in _COLUMNS]
            rows.append((split, kind, str(int(metrics["num_samples"] or 0)), *numbers))
    if not rows:
        return lines
    return [*lines, *table(("split", "labels", "samples", "top-1", "top-5", "macro", "NLL", "ECE"), rows)]


def _learned(facts: TrainFacts) -> str:
    weights = f"{facts.weights} weights" + (f" of {facts.verifier}" if facts.verifier else "")
    parts = [f"learned from {facts.num_samples} samples, {weights}"]
    if facts.mean_weight != 1:
        parts.append(f"mean weight {facts.mean_weight:.3f}")
    counts = (
        (facts.num_without_weight, "of weight 0"),
        (facts.num_changed, "under another label than the given one"),
        (facts.num_left_out, "left out"),
    )
    return "; ".join(parts + [f"{count} {words}" for count, words in counts if count])


def _number(name: str, value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.1%}" if name in _SHARES else f"{value:.3f}"


def _whole_numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError:
        raise typer.BadParameter(f"--step-epochs must be whole numbers, such as 30,60, got {text!r}") from None
