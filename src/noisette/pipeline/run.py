"""`noisette run`: every step that is stale, in order."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from noisette.pipeline.detect import DetectResult, detect
from noisette.pipeline.embed import EmbedResult, embed
from noisette.pipeline.report import make_report
from noisette.pipeline.train import TrainResult, train
from noisette.pipeline.workspace import Workspace
from noisette.types import Progress, silent


@dataclass(frozen=True)
class RunResult:
    """What a run made: features where there are pictures, the detection, its page, and a classifier if asked for."""

    embedding: EmbedResult | None
    detection: DetectResult
    report: Path
    training: TrainResult | None = None


def run(
    workspace: Workspace,
    progress: Progress = silent,
    *,
    num_workers: int | None = None,
    device: str = "auto",
    with_training: bool = False,
) -> RunResult:
    """Run all stale steps of a workspace; what is current is left as it is.

    Args:
        workspace: the workspace.
        progress: called during long work.
        num_workers: of `embed` and `train`.
        device: of `embed` and `train`.
        with_training: train the classifier, too, by the settings `train`.
    """
    embedding = None
    if workspace.has_images:
        embedding = embed(workspace, progress, num_workers=num_workers, device=device)
    found = detect(workspace, progress)
    report = make_report(workspace, progress)
    training = None
    if with_training:
        training = train(workspace, progress, num_workers=num_workers, device=device)
    return RunResult(embedding, found, report, training)
