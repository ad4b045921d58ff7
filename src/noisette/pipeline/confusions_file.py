"""The file that keeps which classes a trained classifier confuses; no torch is needed to read it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np

from noisette.errors import DataFileError
from noisette.report import ClassConfusions, ConfusionPair

CONFUSIONS = "confusions.json"


def confusions_text(found: ClassConfusions) -> str:
    """Give the record as JSON; the same record, the same bytes."""
    content = asdict(found) | {"correlation": np.asarray(found.correlation).round(6).tolist()}
    return json.dumps(content, ensure_ascii=False) + "\n"


def read_confusions(path: Path) -> ClassConfusions:
    """Read what `confusions_text` gave.

    Raises:
        DataFileError: the file is damaged.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        pairs = tuple(ConfusionPair(**pair | {"names": tuple(pair["names"])}) for pair in content["pairs"])
        names, correlation = tuple(content["class_names"]), np.array(content["correlation"], dtype=np.float64)
        return ClassConfusions(**content | {"pairs": pairs, "class_names": names, "correlation": correlation})
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DataFileError(path, f"cannot be read ({error}); `noisette train --fresh` makes it again") from error
