"""What `detect` wrote of its choice, read back; apart from `detect` itself, which imports every verifier."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from noisette.errors import DataFileError
from noisette.pipeline.workspace import Workspace


def detection_of(workspace: Workspace) -> dict[str, Any]:
    """Read what `detect` wrote.

    Raises:
        WorkspaceError: `detect` has not been run.
        DataFileError: the file is damaged.
    """
    path: Path = workspace.need(workspace.detection, "noisette detect")
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataFileError(path, f"is damaged ({error}); run `noisette detect` again") from error
    return found
