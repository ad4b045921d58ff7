"""What our own readers make of an export: the labels that it was written to hold."""

from __future__ import annotations

from collections import Counter

from noisette.data.datasets import ImageDataset
from noisette.data.exports import ExportSamples


def labels_written(samples: ExportSamples) -> dict[str, Counter[str]]:
    """Give how often each final label occurs in each split, by name."""
    names = samples.class_names
    return {split: Counter(names[label] for label in samples.labels[rows]) for split, rows in samples.splits.items()}


def labels_read(found: ImageDataset, folders: dict[str, str] | None = None) -> dict[str, Counter[str]]:
    """Give how often each given label occurs in each split; `folders`: the folder of each class by its name."""
    names = {folder: name for name, folder in (folders or {}).items()}
    counts: dict[str, Counter[str]] = {}
    for sample in found.samples:
        name = found.class_names[sample.given_label]
        counts.setdefault(sample.split, Counter())[names.get(name, name)] += 1
    return counts
