"""WebVision 1.0: an InceptionResNet-v2 with a heteroscedastic head (Collier et al., CVPR 2021); nothing is verified.

Command:   torchrun --nproc-per-node 8 recipes/webvision_heteroscedastic.py work --root webvision
Hardware:  8 GPUs of 24 GB or more, 100 CPU cores for the pictures
Hours:     about 11 (an estimate: 150 million pictures of 299 pixels at 4,000 a second; one H200 does the steps at 570)
Aims at:   76.6 % top-1, 92.1 % top-5 on WebVision's 50,000 validation pictures (68.6 % top-1 on ImageNet's, which it
           does not measure)
Follows:   InceptionResNet-v2 from random weights, pictures of 299 pixels; the head with a full low-rank covariance,
           15 factors, temperature 1.5, which are the published ones for ImageNet
Ours:      epochs, batch size, learning rate and augmentation, which the description we have does not give; 64 matched
           draws in place of thousands of independent ones; weight decay of matrices only

The temperature should be chosen on validation pictures. It was never run in full: what it reaches is not known.
`--smoke` runs the same code on a few made-up pictures.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from made_up_data import webvision
from noisette.cli.console import progress_bar
from noisette.pipeline.creation.from_images import ImageSource, create_from_images
from noisette.pipeline.settings import Settings
from noisette.pipeline.train import train
from noisette.pipeline.workspace import open_workspace
from noisette.training.processes import first_goes_first, join_processes, leave_processes

SETTINGS = Settings().with_options(
    train={
        "weights": "none",
        "head": "heteroscedastic",
        "num_factors": 15,
        "temperature": 1.5,
        "backbone": "inception_resnet_v2",
        "from_scratch": True,
        "epochs": 60,
        "batch_size": 64,
        "learning_rate": 0.2,
        "weight_decay": 4e-5,
        "warmup_epochs": 5.0,
        "clip_norm": 10.0,
        "precision": "bfloat16",
    }
)
SMOKE = {"backbone": "small-resnet:2", "from_scratch": False, "image_size": 8, "epochs": 1, "batch_size": 8}


def main(argv: list[str] | None = None) -> dict[str, Any]:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("work", type=Path, help="folder of the workspace; a run that was stopped goes on there")
    parser.add_argument("--root", type=Path, help="folder of the data set")
    parser.add_argument("--smoke", action="store_true", help="a tiny network on made-up pictures")
    options = parser.parse_args(argv)
    settings = SETTINGS.with_options(train=SMOKE) if options.smoke else SETTINGS
    device = join_processes()
    with first_goes_first() as is_first:
        if is_first and options.smoke:
            options.root = webvision(options.work.with_name("data"))
        if is_first and not (options.work / "noisette.toml").exists():
            create_from_images(options.work, ImageSource(dataset="webvision", root=options.root), settings)
    with progress_bar() as progress:
        workers = 0 if options.smoke else None
        done = train(open_workspace(options.work), progress, num_workers=workers, device=device)
    if is_first:
        print(done.facts.evaluation)
    leave_processes()
    return done.facts.evaluation


if __name__ == "__main__":
    main()
