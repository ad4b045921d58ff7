"""The image classifier: for now, how a trained one is kept."""

from noisette.training.model_folder import ModelFolder, read_model_folder, write_model_folder

__all__ = ["ModelFolder", "read_model_folder", "write_model_folder"]
