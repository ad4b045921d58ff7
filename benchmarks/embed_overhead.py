"""Pictures a second of `noisette embed` against a bare loop of decode + transform + forward with as many workers.

Command: python benchmarks/embed_overhead.py      Cost: 10 minutes of two cores.     Bar: 0.9 of the bare loop.
The bare loop is what one writes by hand: a DataLoader over files, timm's transform, the network, features kept in
memory; no table, no resume, nothing noticed, and one broken file ends it. Its network is built before its clock starts;
embed's clock holds everything the step does: loading and hashing weights, journal, Parquet, lists, provenance.
Arms: a network as people use (the forward pass is the floor), and the shrunken picture (reading and decoding is), where
every microsecond of ours shows. Both loops alternate, so that drift of the machine hits both; medians of the ratios.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from noisette.features import Backbone, load_backbone
from noisette.features.timm_import import import_timm
from noisette.pipeline.creation.from_images import ImageSource, create_from_images
from noisette.pipeline.embed import embed
from noisette.pipeline.settings import Settings
from noisette.pipeline.workspace import open_workspace

CLASSES, BATCH = 4, 64


def write_pictures(folder: Path, count: int, width: int = 500, height: int = 375) -> list[Path]:
    """Write photographs-like JPEGs: smooth shapes and some grain, about 50 kB each."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[0:height, 0:width]
    paths = []
    for number in range(count):
        waves = [np.sin(columns / rng.uniform(20, 90) + rng.uniform(0, 6)) * np.cos(rows / 50) for _ in range(3)]
        values = np.stack(waves, axis=2) * 90 + 128 + rng.normal(0, 8, (height, width, 3))
        path = folder / f"class{number % CLASSES}" / f"{number:05d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.clip(values, 0, 255).astype(np.uint8)).save(path, quality=85)
        paths.append(path)
    return sorted(paths)


class Files(Dataset[Tensor]):
    """What everybody writes."""

    def __init__(self, paths: list[Path], backbone: Backbone) -> None:
        self.paths, self.backbone = paths, backbone

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, row: int) -> Tensor:
        with Image.open(self.paths[row]) as opened:
            opened.draft(None, (self.backbone.min_side, self.backbone.min_side))
            return self.backbone.transform(opened.convert("RGB"))


def bare_loop(paths: list[Path], backbone: Backbone, num_workers: int) -> float:
    """Give the seconds of the loop, from starting its workers to the last features."""
    mean, std = (torch.tensor(values).view(3, 1, 1) * 255 for values in (backbone.mean, backbone.std))
    model: nn.Module = backbone.model.eval()
    start = time.perf_counter()
    loader = DataLoader(Files(paths, backbone), batch_size=BATCH, num_workers=num_workers)
    with torch.inference_mode():
        features = [model((images.float() - mean) / std) for images in loader]
    assert sum(len(block) for block in features) == len(paths)
    return time.perf_counter() - start


def whole_step(root: Path, num_workers: int) -> float:
    """Give the seconds of `noisette embed`, from opening the workspace to the last byte."""
    start = time.perf_counter()
    done = embed(open_workspace(root), num_workers=num_workers, device="cpu", fresh=True)
    seconds = time.perf_counter() - start
    assert not done.was_current
    return seconds


def floors(paths: list[Path], backbone: Backbone) -> dict[str, float]:
    """Give microseconds a picture of decoding + transform (one core) and of the forward pass alone."""
    files = Files(paths[:BATCH], backbone)
    start = time.perf_counter()
    images = torch.stack([files[row] for row in range(len(files))])
    decode = (time.perf_counter() - start) / len(files)
    with torch.inference_mode():
        backbone.model.eval()(images.float())
        start = time.perf_counter()
        backbone.model(images.float())
    return {"decode_us": decode * 1e6, "forward_us": (time.perf_counter() - start) / len(files) * 1e6}


def measure(
    name: str, make: Callable[[], Backbone], paths: list[Path], root: Path, workers: int, rounds: int
) -> dict[str, float]:
    ratios: list[float] = []
    ours: list[float] = []
    theirs: list[float] = []
    backbone = make()
    found = floors(paths, backbone)
    for number in range(rounds):
        is_ours_first = number % 2 == 0  # the first one finds the colder disk
        for is_ours in (is_ours_first, not is_ours_first):
            if is_ours:
                ours.append(whole_step(root, workers))
            else:
                theirs.append(bare_loop(paths, backbone, workers))
        ratios.append(theirs[-1] / ours[-1])
    rates = [len(paths) / statistics.median(seconds) for seconds in (ours, theirs)]
    print(
        f"{name:10s} {workers} workers   embed {rates[0]:7.1f}/s   bare loop {rates[1]:7.1f}/s   "
        f"ratio {statistics.median(ratios):.3f}   ({min(ratios):.3f} to {max(ratios):.3f}; decode "
        f"{found['decode_us']:.0f} us, forward {found['forward_us']:.0f} us a picture)",
        flush=True,
    )
    return {"ratio": round(statistics.median(ratios), 4), "embed_rate": round(rates[0], 1)} | found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smoke", action="store_true", help="96 pictures, one round")
    parser.add_argument("--only", choices=("resnet18", "pixels"), help="one of the backbones")
    options = parser.parse_args()
    counts = {"resnet18": 96, "pixels": 96} if options.smoke else {"resnet18": 512, "pixels": 4096}
    rounds = 1 if options.smoke else 3
    results = {}
    with tempfile.TemporaryDirectory() as temporary:
        scratch = Path(temporary)
        weights = scratch / "resnet18.safetensors"
        save_file(import_timm().create_model("resnet18", num_classes=0).state_dict(), weights)
        arms = {
            "resnet18": ({"weights": str(weights)}, lambda: load_backbone("resnet18", weights=weights)),
            "pixels": ({}, lambda: load_backbone("pixels")),
        }
        for name, (extra, make) in arms.items():
            if options.only not in (None, name):
                continue
            paths = write_pictures(scratch / name, counts[name])
            settings = Settings().with_options(embed={"backbone": name, "batch_size": BATCH} | extra)
            create_from_images(scratch / f"{name}-work", ImageSource(images=scratch / name), settings)
            for workers in (0, 2):
                key = f"{name}, {workers} workers"
                results[key] = measure(name, make, paths, scratch / f"{name}-work", workers, rounds)
    worst = min(result["ratio"] for result in results.values())
    print(json.dumps({"benchmark": "embed_overhead", "arms": results, "worst_ratio": worst, "holds": worst >= 0.9}))


if __name__ == "__main__":
    main()
