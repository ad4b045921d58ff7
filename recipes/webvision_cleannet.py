"""WebVision 1.0: a ResNet-50 on 2.4 million pictures from the web, weighted by CleanNet (Lee et al., CVPR 2018).

Command:   python recipes/webvision_cleannet.py work --root webvision --verified verified.csv
Hardware:  one GPU of 24 GB or more, 24 CPU cores for the pictures, 128 GB of memory
Hours:     about 40 (an estimate: 240 million pictures at 1,800 a second; two CleanNets of 60,000 steps)
Aims at:   70.3 % top-1, 87.8 % top-5 on WebVision's 50,000 validation pictures, as later papers quote the paper; and
           its finding that verifying 3.2 % of the pictures, those of 308 classes, gives 47 % of what verifying all
           gives
Follows:   a ResNet-50 from random weights; CleanNet's published settings, 50 references a class; soft weights, tuned
           with them
Ours:      the number of references, epochs, batch size, learning rates and rounds, which the description we have does
           not give for this data set; weight decay of matrices only; random crops of 8 to 100 % of the area

WebVision comes without verification labels: `--verified` is a file of yours (key, verification_label); `noisette
plan` and `noisette review` make one. It was never run in full: what it reaches is not known. `--smoke` runs the same
code on a few made-up pictures.
"""

from __future__ import annotations

from cleannet_rounds import CLEANNET, arguments, run_rounds
from made_up_data import webvision, webvision_verified
from noisette.pipeline.creation.from_images import ImageSource
from noisette.pipeline.rounds_record import RoundRecord

SETTINGS = CLEANNET.with_options(
    train={
        "backbone": "resnet50",
        "from_scratch": True,
        "epochs": 60,
        "batch_size": 256,
        "learning_rate": 0.1,
        "weight_decay": 1e-4,
        "warmup_epochs": 5.0,
        "schedule": "steps",
        "step_epochs": (20, 40, 54),
        "precision": "bfloat16",
    },
    rounds={"epochs": 20, "learning_rate_factor": 0.1},
)


def main(argv: list[str] | None = None) -> tuple[RoundRecord, ...]:
    options = arguments(__doc__, argv)
    if options.smoke:
        options.root = webvision(options.work.with_name("data"))
        options.verified = webvision_verified(options.root)
    source = ImageSource(dataset="webvision", root=options.root)
    return run_rounds(options, source, SETTINGS)


if __name__ == "__main__":
    main()
