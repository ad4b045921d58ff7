"""`noisette status`: what is there, what is stale and why."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from noisette.pipeline.descriptions import about_detection, about_fit, about_references, about_scores
from noisette.pipeline.detect import verifiers_to_run
from noisette.pipeline.labelled import load_labelled
from noisette.pipeline.provenance import State, input_hashes, state_of
from noisette.pipeline.report import about_report
from noisette.pipeline.workspace import Workspace
from noisette.store import ReviewCounts


@dataclass(frozen=True)
class Artifact:
    """One artifact of the workspace. `path` is relative to the workspace; `reason` says why it is stale."""

    path: str
    state: State
    reason: str


@dataclass(frozen=True)
class Status:
    """A workspace at a glance."""

    num_samples: int
    num_classes: int
    decisions: ReviewCounts
    artifacts: tuple[Artifact, ...]

    @property
    def is_current(self) -> bool:
        """True if nothing is missing or stale."""
        return all(artifact.state == "current" for artifact in self.artifacts)


def workspace_status(workspace: Workspace) -> Status:
    """Compare every artifact with what its step would make today."""
    labelled = load_labelled(workspace)
    names, _ = verifiers_to_run(workspace, labelled)
    inputs = input_hashes(workspace)
    found = []

    def look(path: Path, about: dict[str, object]) -> bool:
        state, reason = state_of(path, about)
        found.append(Artifact(path.relative_to(workspace.root).as_posix(), state, reason))
        return path.exists()

    if "cleannet" in names:
        look(workspace.references, about_references(workspace, inputs))
    for name in names:
        if look(workspace.verifier(name), about_fit(workspace, name, inputs)):
            look(workspace.scores(name), about_scores(workspace, name, inputs))
        else:
            found.append(Artifact(_relative(workspace, workspace.scores(name)), "missing", ""))
    if all(workspace.scores(name).exists() for name in names):
        look(workspace.detection, about_detection(workspace, names, inputs))
    elif workspace.detection.exists():
        found.append(Artifact(_relative(workspace, workspace.detection), "stale", "verifiers changed"))
    else:
        found.append(Artifact(_relative(workspace, workspace.detection), "missing", ""))
    if workspace.detection.exists():
        look(workspace.report, about_report(workspace))
    else:
        found.append(Artifact(_relative(workspace, workspace.report), "missing", ""))
    with workspace.reviews() as reviews:
        counts = reviews.counts()
    return Status(len(labelled.keys), len(labelled.class_names), counts, tuple(found))


def _relative(workspace: Workspace, path: Path) -> str:
    return path.relative_to(workspace.root).as_posix()
