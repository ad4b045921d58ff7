"""The formats of a cleaned data set by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from noisette.data.exports.file_list import write_file_list
from noisette.data.exports.huggingface import write_huggingface
from noisette.data.exports.image_folder import write_image_folder
from noisette.data.exports.parquet import write_parquet
from noisette.data.exports.records import ExportFacts, ExportJob
from noisette.data.exports.webdataset import write_webdataset
from noisette.errors import InvalidInputError

FORMATS: Mapping[str, Callable[[ExportJob], ExportFacts]] = {
    "imagefolder": write_image_folder,
    "filelist": write_file_list,
    "parquet": write_parquet,
    "webdataset": write_webdataset,
    "huggingface": write_huggingface,
}

LINKED_FORMATS = ("imagefolder",)
"""Formats whose pictures stay files of their own, and may be links."""


def check_format(name: str) -> None:
    """Refuse the name of a format that does not exist.

    Raises:
        InvalidInputError: it does not; the message lists those that do.
    """
    if name not in FORMATS:
        raise InvalidInputError(f"the format must be one of {', '.join(FORMATS)}, got {name!r}")
