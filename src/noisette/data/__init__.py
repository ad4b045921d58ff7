"""Reading and writing files of other programs: feature files, reference TSVs and arrays, labels, class lists."""

from noisette.data.batches import FeatureBatch
from noisette.data.class_list import read_class_list, write_class_list
from noisette.data.cleanlab_table import write_cleanlab_table
from noisette.data.feature_files import read_feature_file
from noisette.data.held_out_list import read_held_out_list
from noisette.data.label_files import LabelTable, read_label_file
from noisette.data.label_json import write_fiftyone, write_label_studio
from noisette.data.label_writer import write_label_file
from noisette.data.matching import resolve_label_rows
from noisette.data.reference_arrays import (
    ReferenceArrays,
    VerifiedArray,
    read_all_array,
    read_reference_arrays,
    read_reference_set,
    read_verified_array,
    write_all_array,
    write_reference_arrays,
    write_reference_set,
    write_verified_array,
)
from noisette.data.reference_tsv import read_reference_tsv

__all__ = [
    "FeatureBatch",
    "LabelTable",
    "ReferenceArrays",
    "VerifiedArray",
    "read_all_array",
    "read_class_list",
    "read_feature_file",
    "read_held_out_list",
    "read_label_file",
    "read_reference_arrays",
    "read_reference_set",
    "read_reference_tsv",
    "read_verified_array",
    "resolve_label_rows",
    "write_all_array",
    "write_class_list",
    "write_cleanlab_table",
    "write_fiftyone",
    "write_label_file",
    "write_label_studio",
    "write_reference_arrays",
    "write_reference_set",
    "write_verified_array",
]
