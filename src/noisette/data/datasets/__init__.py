"""Readers of image data sets; each gives its class names and a stream of `Sample`."""

from noisette.data.datasets.records import ImageDataset

__all__ = ["ImageDataset"]
