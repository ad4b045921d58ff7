"""A step of `train_classifier` against a step of the bare PyTorch loop that one writes by hand.

Command: python benchmarks/train_overhead.py      Cost: ten minutes of one core.     Bar: 1.05 times the bare loop.
         python benchmarks/train_overhead.py --smoke     (seconds; numbers mean nothing)
Both have the same small residual network, pictures of 32 x 32, augmentations (flip, crop), batches of 64, SGD with
Nesterov momentum, a weighted cross-entropy and a cosine: the bare loop reads them with a shuffling DataLoader in the
same process and keeps its loss as we do. What ours does besides: a seed for each step and each sample, the order of an
epoch, the look for losses that are not finite, no checkpoint unless asked; all of it is in the clock (CPU seconds of
the process, one thread), as is what a training costs before its first step. Both alternate within each repeat, the
first one by turns; the figure is the median of the ratios. `augmentations alone` is the same data with a network of one
layer: what the seeds of samples cost where nothing hides them.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, pad
from torch.utils.data import DataLoader, Dataset

from noisette.training import TrainingRecipe, train_classifier

BATCH, CLASSES, RATE = 64, 10, 0.05
Sample = tuple[Tensor, int, float]


class Block(nn.Module):
    """Two convolutions and a way around them."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.around = nn.Conv2d(inputs, outputs, 1, stride, bias=False) if stride > 1 else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C', H', W')."""
        return torch.relu(self.body(x) + self.around(x))


def residual() -> nn.Module:
    """Three stages of 16, 32 and 64 channels, a block each."""
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, 1, 1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(inplace=True),
        Block(16, 16, 1),
        Block(16, 32, 2),
        Block(32, 64, 2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(64, CLASSES),
    )


def one_layer() -> nn.Module:
    return nn.Sequential(nn.AvgPool2d(8), nn.Flatten(), nn.Linear(48, CLASSES))


class Pictures(Dataset[Sample]):
    """Made-up pictures with weights; flipped, and cropped from a frame of 4 pixels."""

    def __init__(self, size: int) -> None:
        generator = torch.Generator().manual_seed(0)
        self.pictures = torch.rand(size, 3, 32, 32, generator=generator)
        self.labels = torch.randint(CLASSES, (size,), generator=generator).tolist()
        self.weights = torch.rand(size, generator=generator).tolist()

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, row: int) -> Sample:
        picture = pad(self.pictures[row], (4, 4, 4, 4))
        top, left, flip = (int(torch.randint(high, ())) for high in (9, 9, 2))
        picture = picture[:, top : top + 32, left : left + 32]
        return (picture.flip(-1) if flip else picture), self.labels[row], self.weights[row]


def bare_loop(model: nn.Module, data: Pictures, epochs: int) -> None:
    """What everybody writes."""
    loader = DataLoader(data, batch_size=BATCH, shuffle=True, drop_last=True)
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE, momentum=0.9, nesterov=True, weight_decay=5e-4)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: 0.5 * (1 + math.cos(math.pi * step / (epochs * len(loader))))
    )
    model.train()
    for _ in range(epochs):
        total = torch.zeros(())
        for images, labels, weights in loader:
            losses = cross_entropy(model(images), labels, reduction="none")
            loss = (losses * weights.float()).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.detach()
        assert math.isfinite(float(total))


def ours(model: nn.Module, data: Pictures, epochs: int) -> None:
    recipe = TrainingRecipe(epochs=epochs, batch_size=BATCH, learning_rate=RATE, warmup_epochs=0)
    train_classifier(model, data, recipe=recipe)


def cpu_seconds(work: Callable[[], None]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def measure(name: str, make: Callable[[], nn.Module], size: int, epochs: int, repeats: int) -> dict[str, float]:
    data, steps = Pictures(size), epochs * (size // BATCH)
    seconds: dict[str, list[float]] = {"bare": [], "ours": []}
    bare_loop(make(), data, 1)
    ours(make(), data, 1)
    for number in range(repeats):
        arms = [("bare", bare_loop), ("ours", ours)]
        for arm, train in arms if number % 2 == 0 else reversed(arms):
            model = make()
            seconds[arm].append(cpu_seconds(lambda train=train, model=model: train(model, data, epochs)))
    ratios = [one / other for one, other in zip(seconds["ours"], seconds["bare"], strict=True)]
    step = {arm: statistics.median(found) / steps * 1e3 for arm, found in seconds.items()}
    print(
        f"{name:22s} {step['bare']:8.2f} ms {step['ours']:8.2f} ms   ratio {statistics.median(ratios):.3f}   "
        f"({min(ratios):.3f} to {max(ratios):.3f}, {repeats} repeats of {steps} steps)",
        flush=True,
    )
    return {"ratio": round(statistics.median(ratios), 4), "bare_ms": round(step["bare"], 3)} | {
        "ours_ms": round(step["ours"], 3)
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smoke", action="store_true", help="three steps, one repeat")
    parser.add_argument("--repeats", type=int, default=9)
    options = parser.parse_args()
    torch.set_num_threads(1)
    size, epochs = (BATCH, 1) if options.smoke else (20 * BATCH, 2)
    repeats = 1 if options.smoke else options.repeats
    print(f"{'':22s} {'bare':>8s} {'':3s}{'ours':>8s}   CPU time of a step")
    network = measure("residual network", residual, size, epochs, repeats)
    alone = measure("augmentations alone", one_layer, size, epochs, repeats)
    print(
        json.dumps(
            {
                "benchmark": "train_overhead",
                "ratio": network["ratio"],
                "holds": network["ratio"] <= 1.05,
                "residual": network,
                "augmentations_alone": alone,
            }
        )
    )


if __name__ == "__main__":
    main()
