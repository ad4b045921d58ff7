"""One self-contained HTML page that says what is known about a data set's labels."""

from noisette.report.confusion_chart import confusion_figure, write_confusion_figure
from noisette.report.confusions import class_confusions
from noisette.report.page import render_report, write_report
from noisette.report.records import (
    ClassConfusions,
    ConfusionPair,
    Duplicates,
    HeldOutPair,
    PictureCopy,
    ReportData,
    RoundFigures,
    SuspiciousSample,
    VerifierResult,
)
from noisette.report.rounds_chart import rounds_figure

__all__ = [
    "ClassConfusions",
    "ConfusionPair",
    "Duplicates",
    "HeldOutPair",
    "PictureCopy",
    "ReportData",
    "RoundFigures",
    "SuspiciousSample",
    "VerifierResult",
    "class_confusions",
    "confusion_figure",
    "render_report",
    "rounds_figure",
    "write_confusion_figure",
    "write_report",
]
