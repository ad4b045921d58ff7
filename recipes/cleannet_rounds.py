"""What the three CleanNet recipes share: the joint training of the paper, one round after the other."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from noisette.cli.console import progress_bar
from noisette.pipeline.creation.from_images import ImageSource, create_from_images
from noisette.pipeline.detect import detect
from noisette.pipeline.embed import embed
from noisette.pipeline.settings import Settings
from noisette.pipeline.train import train
from noisette.pipeline.workspace import open_workspace, with_settings
from noisette.training.processes import first_goes_first, join_processes, leave_processes

CLEANNET = Settings().with_options(
    embed={"backbone": "resnet50.tv_in1k"},
    detect={"verifier": "cleannet", "recipe": "paper"},
    references={"num_references": 50},
)
"""Of the published runs: 50 references a class; the rest of their setting is the recipe "paper" of the verifier."""
SMOKE: dict[str, dict[str, Any]] = {
    "embed": {"backbone": "pixels:4"},
    "detect": {"num_steps": 5},
    "references": {"num_references": 3},
    "train": {"backbone": "small-resnet:2", "image_size": 8, "epochs": 1, "step_epochs": (1,), "batch_size": 8},
}


def arguments(description: str | None, argv: list[str] | None) -> argparse.Namespace:
    """Read the command line of a CleanNet recipe."""
    parser = argparse.ArgumentParser(description=(description or "").split("\n")[0])
    parser.add_argument("work", type=Path, help="folder of the workspace; a run that was stopped goes on there")
    parser.add_argument("--root", type=Path, help="folder of the data set")
    parser.add_argument("--test-root", type=Path, help="Food-101N: folder of Food-101")
    parser.add_argument("--verified", type=Path, help="WebVision: file of verification labels")
    parser.add_argument("--rounds", type=int, default=2, help="of CleanNet and a classifier tuned by its weights")
    parser.add_argument("--smoke", action="store_true", help="a tiny network on made-up pictures")
    return parser.parse_args(argv)


def train_in_rounds(
    options: argparse.Namespace, source: ImageSource, settings: Settings, tuning: dict[str, Any]
) -> dict[str, Any]:
    """Train on everything; then, each round: features of that classifier, CleanNet, weights, the classifier tuned.

    Args:
        options: from `arguments`.
        source: the data set.
        settings: `CLEANNET` and how the first classifier is trained.
        tuning: what is different when a classifier is tuned.

    Returns:
        Name of each classifier -> split -> kind of labels -> metrics.
    """
    if options.smoke:
        settings, tuning = settings.with_options(**SMOKE), {}
    device = join_processes()
    with first_goes_first() as is_first:
        if is_first and not (options.work / "noisette.toml").exists():
            create_from_images(options.work, source, settings, verified=options.verified)
    workspace, workers = open_workspace(options.work), 0 if options.smoke else None
    found = {}
    with progress_bar() as progress:
        for number in range(options.rounds + 1):
            last, name = f"round{number - 1}", f"round{number}"
            now = with_settings(workspace, train={"weights": "none"})
            if number:
                now = with_settings(workspace, embed={"backbone": last}, train={"backbone": last} | tuning)
            with first_goes_first() as is_first:
                if is_first and number:
                    embed(now, progress, num_workers=workers, device=device)
                    detect(now, progress)
            found[name] = train(now, progress, name=name, num_workers=workers, device=device).facts.evaluation
            if is_first:
                print(name, found[name])
    leave_processes()
    return found
