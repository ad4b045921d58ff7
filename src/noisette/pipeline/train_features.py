"""Where a workspace has features and no pictures: a last layer on standardised features is what is trained."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import final

import numpy as np
import torch
from torch import Tensor, nn

from noisette.features import module_backbone
from noisette.files import atomic_path
from noisette.pipeline.sample_rows import sample_rows
from noisette.pipeline.train_data import StoredSamples
from noisette.pipeline.train_network import Network
from noisette.pipeline.workspace import Workspace
from noisette.store import ParquetTable
from noisette.training.randomness import own_randomness, seed_everything
from noisette.types import BadRows, BoolArray, Float64Array, IntArray, Progress, SampleTable

_ROWS, _BATCH = "features.npy", 4096
_LEAST_DEVIATION = 1e-6


@final
class FeatureClassifier(nn.Module):
    """A linear layer, `fc`, on features that are standardised by the mean and deviation of the training set.

    Args:
        num_features: D.
        num_classes: K.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, num_features: int, num_classes: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(num_features))
        self.register_buffer("scale", torch.ones(num_features))
        self.fc = nn.Linear(num_features, num_classes)

    def forward(self, features: Tensor) -> Tensor:
        """Give (B, K) logits of (B, D) features."""
        logits: Tensor = self.fc((features - self.mean) * self.scale)
        return logits


class TrainingFeatures:
    """Features of some samples of a workspace, copied to a file that can be read in any order.

    Args:
        workspace: made from features.
        samples: all of its samples.
        rows: (M,) ascending row numbers of those that are needed.
        folder: where the copy is kept until the training is done.
        progress: called with ("read features", done, N).
    """

    num_workers = 0

    def __init__(
        self, workspace: Workspace, samples: SampleTable, rows: IntArray, folder: Path, progress: Progress
    ) -> None:
        self._table = ParquetTable(workspace.need(workspace.features, "noisette init"))
        self._places = np.full(len(samples), -1, dtype=np.int64)
        known = sample_rows(samples, self._table.read_splits(), self._table.read_keys())
        self._places[known[known >= 0]] = np.flatnonzero(known >= 0)
        self._path = folder / _ROWS
        self.bad = BadRows(on_error="skip", max_bad=1.0, noun="samples")
        self.bad.read(rows.size)
        self.bad.leave_out("no features", int((self._places[rows] < 0).sum()))
        if not self._path.exists():
            self._copy(progress)

    def usable(self, rows: IntArray) -> BoolArray:
        """Give a mask: which of these samples have features."""
        mask: BoolArray = self._places[rows] >= 0
        return mask

    def dataset(self, rows: IntArray, labels: IntArray, *, is_training: bool) -> StoredSamples:
        """Give the features of usable samples with labels."""
        del is_training  # nothing is augmented
        return StoredSamples(self._path, self._places[rows], labels, ())

    def network(self, num_classes: int, rows: IntArray, name: str, random_state: int) -> Network:
        """Make the classifier, standardised by these samples."""
        with own_randomness():
            seed_everything(random_state)
            model = FeatureClassifier(self._table.num_features, num_classes)
        mean, deviation = self._moments(self._places[rows])
        model.mean.copy_(torch.from_numpy(mean))
        model.scale.copy_(torch.from_numpy(1 / np.maximum(deviation, _LEAST_DEVIATION)))
        name = f"features:{name}"
        backbone = dataclasses.replace(module_backbone(model, name=name), layer="fc")
        return Network(backbone=backbone, architecture=name, num_classes=num_classes, layer="fc")

    def _moments(self, places: IntArray) -> tuple[Float64Array, Float64Array]:
        total, squares = (np.zeros(self._table.num_features) for _ in range(2))
        values = np.load(self._path, mmap_mode="r", allow_pickle=False)
        places = np.sort(places)
        shift = values[places[0]].astype(np.float64)  # keeps the difference of squares exact enough
        for at in range(0, places.size, _BATCH):
            block = values[places[at : at + _BATCH]].astype(np.float64) - shift
            total += block.sum(axis=0)
            squares += (block**2).sum(axis=0)
        mean = total / places.size
        return mean + shift, np.sqrt(np.maximum(squares / places.size - mean**2, 0))

    def _copy(self, progress: Progress) -> None:
        num_rows, num_features = self._table.num_rows, self._table.num_features
        done = 0
        with atomic_path(self._path) as temporary, temporary.open("wb") as file:
            header = {"descr": "<f4", "fortran_order": False, "shape": (num_rows, num_features)}
            np.lib.format.write_array_header_1_0(file, header)
            for block in self._table.iter_batches(_BATCH):
                file.write(np.ascontiguousarray(block, dtype="<f4").data)
                done += len(block)
                progress("read features", done, num_rows)
