"""Reading and writing files of other programs: feature files, reference TSVs and arrays, labels, class lists."""

from noisette.data.batches import FeatureBatch
from noisette.data.class_list import read_class_list, write_class_list
from noisette.data.reference_tsv import read_reference_tsv

__all__ = ["FeatureBatch", "read_class_list", "read_reference_tsv", "write_class_list"]
