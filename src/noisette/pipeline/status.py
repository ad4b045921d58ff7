"""`noisette status`: what is there, what is stale and why."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from noisette.pipeline.backbone import features_state
from noisette.pipeline.descriptions import about_detection, about_fit, about_neighbors, about_references, about_scores
from noisette.pipeline.detect import verifiers_to_run
from noisette.pipeline.labelled import load_labelled
from noisette.pipeline.provenance import State, input_hashes, state_of
from noisette.pipeline.report import about_report
from noisette.pipeline.rounds_about import round_states
from noisette.pipeline.train_about import model_state
from noisette.pipeline.workspace import Workspace
from noisette.store import ReviewCounts, count_samples, has_manifest, read_about


@dataclass(frozen=True)
class Artifact:
    """One artifact of the workspace. `path` is relative to the workspace; `reason` says why it is stale."""

    path: str
    state: State
    reason: str


@dataclass(frozen=True)
class Status:
    """A workspace at a glance.

    Attributes:
        num_samples, num_classes: N and K.
        decisions: how many there are.
        artifacts: what `run` makes.
        models: classifiers that `train` or the joint loop made; `run` without rounds leaves them alone.
    """

    num_samples: int
    num_classes: int
    decisions: ReviewCounts
    artifacts: tuple[Artifact, ...]
    models: tuple[Artifact, ...] = ()

    @property
    def is_current(self) -> bool:
        """True if nothing that `run` makes is missing or stale."""
        return all(artifact.state == "current" for artifact in self.artifacts)


def workspace_status(workspace: Workspace) -> Status:
    """Compare every artifact with what its step would make today."""
    found: list[Artifact] = []
    if workspace.has_images:
        found.append(Artifact(_relative(workspace, workspace.features), *features_state(workspace)))
    if workspace.has_images and not has_manifest(workspace.features):
        found += [_missing(workspace, path) for path in (workspace.detection, workspace.report)]
    else:
        found += _after_features(workspace)
    with workspace.reviews() as reviews:
        counts = reviews.counts()
    size, models = count_samples(workspace.samples), _models(workspace)
    return Status(size, len(workspace.class_names()), counts, tuple(found), models)


def _models(workspace: Workspace) -> tuple[Artifact, ...]:
    """Look at the classifiers that `train` made; others, put there by people, are no business of ours."""
    folders = sorted(path.parent for path in workspace.model("").glob("*/model.json"))
    made = [folder for folder in folders if read_about(folder) is not None]
    rounds = round_states(workspace)  # their scores are written over by the next round, and are no reason
    return tuple(
        Artifact(_relative(workspace, folder), *(rounds.get(folder.name) or model_state(workspace, folder)))
        for folder in made
    )


def _after_features(workspace: Workspace) -> list[Artifact]:
    names, _ = verifiers_to_run(workspace, load_labelled(workspace))
    inputs = input_hashes(workspace)
    about = about_neighbors(workspace, inputs)
    found = [_look(workspace, path, about) for path in (workspace.neighbors, workspace.duplicates)]
    found.append(_look(workspace, workspace.references, about_references(workspace, inputs)))
    for name in names:
        found.append(_look(workspace, workspace.verifier(name), about_fit(workspace, name, inputs)))
        if workspace.verifier(name).exists():
            found.append(_look(workspace, workspace.scores(name), about_scores(workspace, name, inputs)))
        else:
            found.append(_missing(workspace, workspace.scores(name)))
    if all(workspace.scores(name).exists() for name in names):
        found.append(_look(workspace, workspace.detection, about_detection(workspace, names, inputs)))
    elif workspace.detection.exists():
        found.append(Artifact(_relative(workspace, workspace.detection), "stale", "verifiers changed"))
    else:
        found.append(_missing(workspace, workspace.detection))
    if workspace.detection.exists():
        found.append(_look(workspace, workspace.report, about_report(workspace)))
    else:
        found.append(_missing(workspace, workspace.report))
    return found


def _look(workspace: Workspace, path: Path, about: dict[str, object]) -> Artifact:
    state, reason = state_of(path, about)
    return Artifact(_relative(workspace, path), state, reason)


def _missing(workspace: Workspace, path: Path) -> Artifact:
    return Artifact(_relative(workspace, path), "missing", "")


def _relative(workspace: Workspace, path: Path) -> str:
    return path.relative_to(workspace.root).as_posix()
