"""`noisette run`: every step that is stale, in order."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from noisette.pipeline.detect import DetectResult, detect
from noisette.pipeline.report import make_report
from noisette.pipeline.workspace import Workspace
from noisette.types import Progress, silent


@dataclass(frozen=True)
class RunResult:
    """What a run made: the detection and the page that shows it."""

    detection: DetectResult
    report: Path


def run(workspace: Workspace, progress: Progress = silent) -> RunResult:
    """Run all stale steps of a workspace; what is current is left as it is."""
    found = detect(workspace, progress)
    return RunResult(found, make_report(workspace, progress))
