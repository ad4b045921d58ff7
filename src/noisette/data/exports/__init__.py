"""Writers of cleaned data sets, one file a format; each takes an `ExportJob` and can go on where it was stopped."""

from noisette.data.exports.formats import FORMATS, LINKED_FORMATS, check_format
from noisette.data.exports.journal import Journal
from noisette.data.exports.records import ExportFacts, ExportJob, ExportSamples, Link

__all__ = [
    "FORMATS",
    "LINKED_FORMATS",
    "ExportFacts",
    "ExportJob",
    "ExportSamples",
    "Journal",
    "Link",
    "check_format",
]
