"""Food-101N: a ResNet-50 on web pictures of dishes, weighted by CleanNet (Lee et al., CVPR 2018).

Command:   python recipes/food101n_cleannet.py work --root Food-101N_release --test-root food-101
Hardware:  one GPU of 16 GB or more, 16 CPU cores for the pictures
Hours:     about 6 (an estimate: 25 million pictures at 1,200 a second; two CleanNets of 60,000 steps)
Aims at:   83.95 % top-1 on Food-101's 25,250 test pictures; 81.44 % without weights (round 0)
Follows:   ResNet-50 from ImageNet; CleanNet's published settings, 50 references a class, features of the classifier
           just trained; soft weights max(0, similarity); tuned with them
Ours:      epochs, batch size, learning rates and the number of rounds, which the description we have does not give;
           weight decay of matrices only; random crops of 8 to 100 % of the area

It was never run in full: what it reaches is not known. `--smoke` runs the same code on a few made-up pictures.
"""

from __future__ import annotations

from cleannet_rounds import CLEANNET, arguments, run_rounds
from made_up_data import food101n
from noisette.pipeline.creation.from_images import ImageSource
from noisette.pipeline.rounds_record import RoundRecord

SETTINGS = CLEANNET.with_options(
    train={
        "epochs": 30,
        "batch_size": 64,
        "learning_rate": 0.01,
        "weight_decay": 1e-4,
        "schedule": "steps",
        "step_epochs": (10, 20),
        "precision": "bfloat16",
    },
    rounds={"epochs": 20, "learning_rate_factor": 0.2},
)


def main(argv: list[str] | None = None) -> tuple[RoundRecord, ...]:
    options = arguments(__doc__, argv)
    if options.smoke:
        options.root, options.test_root = food101n(options.work.with_name("data"))
    source = ImageSource(dataset="food101n", root=options.root, test_root=options.test_root)
    return run_rounds(options, source, SETTINGS)


if __name__ == "__main__":
    main()
