"""What the three CleanNet recipes share: the published settings, the command line, and a tiny version of all."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import noisette
from noisette.cli.console import progress_bar
from noisette.pipeline.creation.from_images import ImageSource, create_from_images
from noisette.pipeline.rounds_record import RoundRecord
from noisette.pipeline.settings import Settings

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
    "train": {
        "backbone": "small-resnet:2",
        "from_scratch": False,
        "image_size": 8,
        "epochs": 1,
        "step_epochs": (1,),
        "batch_size": 8,
    },
    "rounds": {"epochs": 1, "verified_epochs": 1},
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


def run_rounds(options: argparse.Namespace, source: ImageSource, settings: Settings) -> tuple[RoundRecord, ...]:
    """Train on everything; then, each round: features of that classifier, CleanNet, weights, the classifier tuned.

    Args:
        options: from `arguments`.
        source: the data set.
        settings: `CLEANNET`, and how classifiers are trained and tuned.

    Returns:
        What is known of the classifier of each round; the first one knows no weights.
    """
    settings = settings.with_options(**SMOKE) if options.smoke else settings
    if not (options.work / "noisette.toml").exists():
        create_from_images(options.work, source, settings, verified=options.verified)
    with progress_bar() as progress:
        done = noisette.run(
            options.work, progress, rounds=options.rounds, num_workers=0 if options.smoke else None,
        )  # fmt: skip
    assert done.rounds is not None
    for record in done.rounds.records:
        print(record.name, record.evaluation)
    return done.rounds.records
