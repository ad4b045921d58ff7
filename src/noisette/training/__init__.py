"""The image classifier: weighted training, and how a trained one is kept."""

from noisette.training.model_folder import ModelFolder, read_model_folder, write_model_folder
from noisette.training.weight_files import read_weights
from noisette.training.weighted_dataset import WeightedDataset, keys_of
from noisette.training.weighted_loss import mean_one, weighted_mean

__all__ = [
    "ModelFolder",
    "WeightedDataset",
    "keys_of",
    "mean_one",
    "read_model_folder",
    "read_weights",
    "weighted_mean",
    "write_model_folder",
]
