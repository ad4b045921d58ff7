"""ImageNet: a ResNet-152 with a heteroscedastic head (Collier et al., CVPR 2021).

Command:   torchrun --nproc-per-node 8 recipes/imagenet_heteroscedastic.py imagenet --folder run
Hardware:  8 GPUs of 24 GB or more, 100 CPU cores for the pictures
Hours:     about 5 (an estimate: 115 million pictures at 7,000 a second; one H200 does the steps at 1,130)
Aims at:   79.3 % top-1, NLL 0.92 on the 50,000 validation pictures; 76.7 % and 1.08 with `--plain`
Follows:   ResNet-152, a full low-rank covariance, 15 factors, temperature 1.5; of its authors' later code for
           ResNet-50: learning rate 0.1 for each 256 samples of a step, five epochs of warm-up, a tenth of it after a
           third, two thirds and eight ninths of the epochs, weight decay 1e-4
Ours:      90 epochs; 64 matched draws in place of thousands of independent ones; weight decay of matrices only

It was never run in full: what it reaches is not known. `--smoke` runs the same code on a few made-up pictures.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import noisette
from made_up_data import imagenet
from noisette.cli.console import progress_bar
from noisette.features.timm_import import import_timm
from noisette.training import ClassifierMetrics
from noisette.training.processes import first_goes_first, join_processes, leave_processes, this_process
from pictures import Pictures, Prepared

BATCH = 128  # a process


def main(argv: list[str] | None = None) -> ClassifierMetrics:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("data", type=Path, help="folder with train/ and val/, a folder a class in each")
    parser.add_argument("--folder", type=Path, help="for checkpoints; a run that was stopped goes on there")
    parser.add_argument("--plain", action="store_true", help="without the head, to compare with")
    parser.add_argument("--num-workers", type=int, default=12, help="processes that load pictures, each GPU's own")
    parser.add_argument("--smoke", action="store_true", help="a tiny network on made-up pictures")
    options = parser.parse_args(argv)
    device = join_processes()
    with first_goes_first() as is_first:
        if is_first and options.smoke:
            imagenet(options.data)

    classes = sorted(path.name for path in (options.data / "train").iterdir())
    name, size = ("test_resnet", 32) if options.smoke else ("resnet152", 224)
    # As `import timm`, also where torchvision was built for another torch.
    model = import_timm().create_model(name, num_classes=len(classes))
    if not options.plain:
        noisette.heads.replace_head(model, num_factors=15, temperature=1.5)
    epochs, batch = (1, 8) if options.smoke else (90, BATCH)
    recipe = noisette.TrainingRecipe(
        epochs=epochs,
        batch_size=batch,
        learning_rate=0.1 * batch * this_process()[1] / 256,
        weight_decay=1e-4,
        warmup_epochs=min(5, epochs / 2),
        schedule="steps",
        step_epochs=(epochs // 3, 2 * epochs // 3, 8 * epochs // 9),
        precision="bfloat16",
        num_workers=0 if options.smoke else options.num_workers,
    )

    def split(part: str) -> Pictures:
        paths = sorted((options.data / part).glob("*/*"))
        samples = [(path.relative_to(options.data).as_posix(), classes.index(path.parent.name)) for path in paths]
        return Pictures(options.data, samples, Prepared(model, size, is_training=part == "train"))

    with progress_bar() as progress:
        trained = noisette.train_classifier(
            model, split("train"), recipe=recipe, validation=split("val"), folder=options.folder, device=device,
            progress=progress,
        )  # fmt: skip
    assert trained.metrics is not None
    if is_first:
        print(trained.metrics.as_numbers())
    leave_processes()
    return trained.metrics


if __name__ == "__main__":
    main()
