"""The pictures that a report shows, read as bytes."""

from __future__ import annotations

from noisette.data.images import BadImageError, read_image
from noisette.pipeline.workspace import Workspace

MAX_IMAGE_BYTES = 20_000_000


def picture_bytes(workspace: Workspace, uri: str) -> bytes | None:
    """Read a picture; None where there is none, or it cannot be read, or is huge."""
    if not uri:
        return None
    try:
        data = read_image(workspace.image_root, uri)
    except BadImageError:
        return None
    return data if len(data) <= MAX_IMAGE_BYTES else None
