"""Pictures in, features out: backbones, the loading of pictures, and the extraction of what a last layer sees."""

from noisette.features.arrays import ExtractedFeatures, extract_features
from noisette.features.backbone import Backbone, module_backbone, weight_hash
from noisette.features.backbones import load_backbone
from noisette.features.extraction import Extractor, FeatureBlock, Precision
from noisette.features.loading import PictureNote, Unusual
from noisette.features.transforms import ImageTransform, Transform

__all__ = [
    "Backbone",
    "ExtractedFeatures",
    "Extractor",
    "FeatureBlock",
    "ImageTransform",
    "PictureNote",
    "Precision",
    "Transform",
    "Unusual",
    "extract_features",
    "load_backbone",
    "module_backbone",
    "weight_hash",
]
