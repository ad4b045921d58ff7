"""`noisette run`: every step that is stale, in order."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from noisette.pipeline.detect import DetectResult, detect
from noisette.pipeline.embed import EmbedResult, embed
from noisette.pipeline.report import make_report
from noisette.pipeline.workspace import Workspace
from noisette.types import Progress, silent


@dataclass(frozen=True)
class RunResult:
    """What a run made: features where there are pictures, the detection, and the page that shows it."""

    embedding: EmbedResult | None
    detection: DetectResult
    report: Path


def run(
    workspace: Workspace, progress: Progress = silent, *, num_workers: int | None = None, device: str = "auto"
) -> RunResult:
    """Run all stale steps of a workspace; what is current is left as it is.

    Args:
        workspace: the workspace.
        progress: called during long work.
        num_workers: of `embed`.
        device: of `embed`.
    """
    embedding = None
    if workspace.has_images:
        embedding = embed(workspace, progress, num_workers=num_workers, device=device)
    found = detect(workspace, progress)
    return RunResult(embedding, found, make_report(workspace, progress))
