"""One self-contained HTML page that says what is known about a data set's labels."""

from noisette.report.page import render_report, write_report
from noisette.report.records import Duplicates, HeldOutPair, PictureCopy, ReportData, SuspiciousSample, VerifierResult

__all__ = [
    "Duplicates",
    "HeldOutPair",
    "PictureCopy",
    "ReportData",
    "SuspiciousSample",
    "VerifierResult",
    "render_report",
    "write_report",
]
