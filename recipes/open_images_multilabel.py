"""Pictures with several labels each, as in Open Images: a ResNet-152 with a heteroscedastic multi-label head.

Command:   torchrun --nproc-per-node 8 recipes/open_images_multilabel.py data --folder run [--weights weights.csv]
           data/classes.txt (a class a line), data/train.csv and data/validation.csv (path,labels; cat/1.jpg,cat|pet)
Hardware:  8 GPUs of 40 GB or more, 100 CPU cores for the pictures
Hours:     about 11 for the 9 million pictures of Open Images (an estimate: 270 million at 7,000 a second; one H200
           does the steps at 1,130)
Aims at:   a gain in global average precision as published for ImageNet-21k: 47.0 against 45.9 with `--plain` (Collier
           et al., CVPR 2021; the same network on other data, so the numbers themselves are none to reach here)
Follows:   ResNet-152, sigmoids of correlated logits, 50 factors in the parameter-efficient form for many classes,
           loss a mean of binary cross-entropies over classes, gAP
Ours:      epochs, batch size, learning rate, temperature (learned); 112 matched draws in place of thousands of others

`--weights` is a file of key, sample_weight, as `noisette export` writes; its keys are the paths of the CSV. It was
never run in full: what it reaches is not known. `--smoke` runs the same code on a few made-up pictures.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import torch
from torch import Tensor

import noisette
from made_up_data import open_images
from noisette.cli.console import progress_bar
from noisette.features.timm_import import import_timm
from noisette.training import ClassifierMetrics
from noisette.training.processes import first_goes_first, join_processes, leave_processes
from pictures import Pictures, Prepared


class MultiHot:
    """Class ids -> (K,) of 0 and 1."""

    def __init__(self, num_classes: int) -> None:
        self.num_classes = num_classes

    def __call__(self, labels: tuple[int, ...]) -> Tensor:
        """Give 1 for each of them."""
        target = torch.zeros(self.num_classes)
        target[list(labels)] = 1.0
        return target


def read_labels(path: Path, classes: list[str]) -> list[tuple[str, tuple[int, ...]]]:
    """Read rows of path, labels."""
    ids = {name: label for label, name in enumerate(classes)}
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [(row["path"], tuple(ids[name] for name in row["labels"].split("|") if name)) for row in rows]


def main(argv: list[str] | None = None) -> ClassifierMetrics:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("data", type=Path, help="folder with classes.txt, train.csv, validation.csv")
    parser.add_argument("--folder", type=Path, help="for checkpoints; a run that was stopped goes on there")
    parser.add_argument("--weights", type=Path, help="file of key, sample_weight; without it all weigh 1")
    parser.add_argument("--plain", action="store_true", help="without the head, to compare with")
    parser.add_argument("--num-workers", type=int, default=12, help="processes that load pictures, each GPU's own")
    parser.add_argument("--smoke", action="store_true", help="a tiny network on made-up pictures")
    options = parser.parse_args(argv)
    device = join_processes()
    with first_goes_first() as is_first:
        if is_first and options.smoke:
            open_images(options.data)

    classes = (options.data / "classes.txt").read_text(encoding="utf-8").splitlines()
    name, size, factors = ("test_resnet", 32, 2) if options.smoke else ("resnet152", 224, 50)
    # As `import timm`, also where torchvision was built for another torch.
    model = import_timm().create_model(name, num_classes=len(classes))
    if not options.plain:
        noisette.heads.replace_head(
            model, multilabel=True, num_factors=factors, parameter_efficient=True, learn_temperature=True
        )
    recipe = noisette.TrainingRecipe(
        epochs=1 if options.smoke else 30,
        batch_size=8 if options.smoke else 128,
        optimizer="adamw",
        learning_rate=1e-3,
        weight_decay=0.05,
        warmup_epochs=0.5 if options.smoke else 2,
        precision="bfloat16",
        num_workers=0 if options.smoke else options.num_workers,
    )

    def split(part: str) -> Pictures:
        samples = read_labels(options.data / f"{part}.csv", classes)
        prepare = Prepared(model, size, is_training=part == "train")
        return Pictures(options.data, samples, prepare, MultiHot(len(classes)))

    pictures = split("train")
    train = noisette.WeightedDataset(pictures, options.weights) if options.weights else pictures
    with progress_bar() as progress:
        trained = noisette.train_classifier(
            model, train, recipe=recipe, validation=split("validation"), folder=options.folder, device=device,
            multilabel=True, progress=progress,
        )  # fmt: skip
    assert trained.metrics is not None
    if is_first:
        print({"gAP": trained.metrics.gap, "NLL": trained.metrics.nll})
    leave_processes()
    return trained.metrics


if __name__ == "__main__":
    main()
