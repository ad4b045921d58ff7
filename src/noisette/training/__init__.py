"""The image classifier: weighted training that can be stopped and resumed, and how a trained one is kept."""

from noisette.training.checkpoints import EpochRecord
from noisette.training.classifier import TrainedClassifier, train_classifier
from noisette.training.end_to_end import EndToEndResult, train_end_to_end
from noisette.training.end_to_end_loss import VerifierLoss
from noisette.training.end_to_end_options import check_joint_recipe
from noisette.training.evaluation import ClassifierMetrics, evaluate_classifier, predict
from noisette.training.model_folder import ModelFolder, read_model_folder, write_model_folder
from noisette.training.out_of_sample import out_of_sample_probabilities
from noisette.training.recipe import TrainingRecipe
from noisette.training.weight_files import read_weights
from noisette.training.weighted_dataset import WeightedDataset, keys_of
from noisette.training.weighted_loss import mean_one, weighted_mean

__all__ = [
    "ClassifierMetrics",
    "EndToEndResult",
    "EpochRecord",
    "ModelFolder",
    "TrainedClassifier",
    "TrainingRecipe",
    "VerifierLoss",
    "WeightedDataset",
    "check_joint_recipe",
    "evaluate_classifier",
    "keys_of",
    "mean_one",
    "out_of_sample_probabilities",
    "predict",
    "read_model_folder",
    "read_weights",
    "train_classifier",
    "train_end_to_end",
    "weighted_mean",
    "write_model_folder",
]
