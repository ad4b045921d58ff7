"""Pictures under different labels, as the page shows them."""

from __future__ import annotations

from typing import Any

from noisette.report.records import PictureCopy, ReportData
from noisette.report.thumbnails import make_thumbnail


def duplicate_pictures(data: ReportData) -> list[list[dict[str, Any]]]:
    """Give the copies of each picture that carries different labels, ready to show."""
    if data.duplicates is None:
        return []
    return [[_copy(data, copy) for copy in copies] for copies in data.duplicates.conflicts]


def _copy(data: ReportData, copy: PictureCopy) -> dict[str, Any]:
    is_replaced = copy.label != copy.given_label
    checked = {0: "checked: wrong", 1: "checked: correct"}.get(copy.verification_label, "")
    return {
        "key": copy.key,
        "split": copy.split,
        "label": data.class_name(copy.label),
        "given": data.class_name(copy.given_label) if is_replaced else "",
        "checked": "corrected" if is_replaced else checked,
        "thumbnail": None if copy.image is None else make_thumbnail(copy.image),
    }
