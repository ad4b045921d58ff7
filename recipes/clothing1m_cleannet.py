"""Clothing1M: a ResNet-50 on a million pictures from shops, weighted by CleanNet (Lee et al., CVPR 2018).

Command:   python recipes/clothing1m_cleannet.py work --root clothing1M
Hardware:  one GPU of 16 GB or more, 16 CPU cores for the pictures
Hours:     about 11 (an estimate: 30 million pictures at 900 a second, in batches of 32; two CleanNets of 60,000
           steps)
Aims at:   74.69 % top-1 on the 10,526 clean test pictures; 68.94 % without weights (round 0)
Follows:   ResNet-50 from ImageNet; batches of 32, learning rate 0.001 and a tenth of it for five epochs each, weight
           decay 0.001, as in the run without weights that the paper compares with (Patrini et al., CVPR 2017);
           CleanNet's published settings, 50 references a class; soft weights, tuned with them
Ours:      CleanNet's negative weight stays 5 (the published run had 2.5); the number of rounds; tuning as long as the
           first training; weight decay of matrices only; random crops of 8 to 100 % of the area

The paper's last step is tuning on 50,000 clean pictures (79.90 %); here it is tuning on the 24,637 of them that have a
noisy label, too ("round-2-verified"). The recipe was never run in full: what it reaches is not known. `--smoke` runs
the same code on a few made-up pictures.
"""

from __future__ import annotations

from cleannet_rounds import CLEANNET, arguments, run_rounds
from made_up_data import clothing1m
from noisette.pipeline.creation.from_images import ImageSource
from noisette.pipeline.rounds_record import RoundRecord

SETTINGS = CLEANNET.with_options(
    train={
        "epochs": 10,
        "batch_size": 32,
        "learning_rate": 0.001,
        "weight_decay": 1e-3,
        "warmup_epochs": 0.0,
        "schedule": "steps",
        "step_epochs": (5,),
        "precision": "bfloat16",
    },
    rounds={"epochs": 10, "learning_rate_factor": 1.0, "verified_last": True, "verified_epochs": 5},
)


def main(argv: list[str] | None = None) -> tuple[RoundRecord, ...]:
    options = arguments(__doc__, argv)
    if options.smoke:
        options.root = clothing1m(options.work.with_name("data"))
    source = ImageSource(dataset="clothing1m", root=options.root)
    return run_rounds(options, source, SETTINGS)


if __name__ == "__main__":
    main()
