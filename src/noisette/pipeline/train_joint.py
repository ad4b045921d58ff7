"""`noisette train --weights end-to-end`: decisions of people, no scores, and a CleanNet that learns beside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from noisette.pipeline.train_sources import TrainingSources, recipe_of
from noisette.pipeline.workspace import Workspace
from noisette.store import read_samples
from noisette.training import TrainedClassifier, train_end_to_end
from noisette.types import Progress


def train_joint(
    workspace: Workspace,
    sources: TrainingSources,
    validation: Any,
    folder: Path,
    device: str,
    checkpoint_steps: int,
    progress: Progress,
) -> TrainedClassifier:
    """Train the network of `sources` and a CleanNet on its features, from given labels and the decisions of today.

    Raises:
        NotVerifiedError: no sample that is learned from is verified.
        InvalidInputError: the recipe does not fit.
    """
    samples, rows = read_samples(workspace.samples), sources.labels.rows
    given = samples.given_labels[rows]
    with workspace.reviews() as reviews:
        decided = reviews.resolve([samples.splits[row] for row in rows], [samples.keys[row] for row in rows], given)
    found = train_end_to_end(
        sources.network.model,
        sources.train.dataset,  # without weights, which are found by the training
        verification_labels=decided.verification_labels,
        correct_labels=decided.correct_labels,
        labels=given,
        layer=sources.network.backbone.layer or None,
        recipe=recipe_of(workspace, sources.num_workers),
        num_references=workspace.settings.references.num_references,
        plain=sources.plain,
        validation=validation,
        folder=folder,
        checkpoint_steps=checkpoint_steps,
        device=device,
        random_state=workspace.settings.project.random_state,
        progress=progress,
    )
    return found.classifier
