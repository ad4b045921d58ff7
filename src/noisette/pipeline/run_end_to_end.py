"""The other joint training: one optimiser over backbone, classifier and CleanNet, then detection on its features."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from noisette.errors import WorkspaceError
from noisette.pipeline.backbone import about_embed
from noisette.pipeline.detect import DetectResult, detect
from noisette.pipeline.embed import EmbedResult, embed
from noisette.pipeline.embed_run import is_begun_otherwise as is_embedding_begun_otherwise
from noisette.pipeline.exclusive import alone
from noisette.pipeline.rounds_notes import KNOWS_THE_ANSWERS
from noisette.pipeline.rounds_settings import END_TO_END, features_of, with_start
from noisette.pipeline.train import TrainResult, check_start, is_begun_otherwise, train
from noisette.pipeline.workspace import Workspace, keep_settings, with_settings
from noisette.types import Progress, silent


class EndToEndResult(NamedTuple):
    """What the joint training made; `workspace` has the settings of its features."""

    workspace: Workspace
    classifier: Path
    training: TrainResult
    embedding: EmbedResult
    detection: DetectResult
    notes: tuple[str, ...]


def run_end_to_end(
    workspace: Workspace, progress: Progress = silent, *, num_workers: int | None = None, device: str = "auto"
) -> EndToEndResult:
    """Train models/end-to-end, take its features, find wrong labels by them; what is current is left as it is.

    Raises:
        WorkspaceError: the workspace was made from features; or another run is at work.
        InvalidInputError: settings do not go together.
    """
    if not workspace.has_images:
        raise WorkspaceError(
            f"{workspace.root} was made from features, so there is no network below them to train; make a workspace "
            "with `noisette init DIR --images DIR`, or train on these features: `noisette run --train`"
        )
    workspace = with_start(workspace)
    joint = with_settings(workspace, train={"weights": END_TO_END})
    with alone(workspace.rounds, f"noisette run --joint {END_TO_END}"):
        check_start(joint, END_TO_END)
        keep_settings(workspace)
        trained = train(
            joint,
            progress,
            name=END_TO_END,
            num_workers=num_workers,
            device=device,
            fresh=is_begun_otherwise(joint, END_TO_END, device),
        )
        opened = features_of(workspace, END_TO_END)
        fresh = is_embedding_begun_otherwise(opened, about_embed(opened), device)
        embedding = embed(opened, progress, num_workers=num_workers, device=device, fresh=fresh)
        found = detect(opened, progress)
    notes = (KNOWS_THE_ANSWERS,) if found.measured else ()
    return EndToEndResult(opened, trained.path, trained, embedding, found, notes)
