"""References and fitted verifiers of a workspace: taken as they are where current, made where not."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any

from safetensors.numpy import load_file, save_file

from noisette.files import atomic_path
from noisette.pipeline.descriptions import about_fit, about_references
from noisette.pipeline.labelled import LabelledFeatures
from noisette.pipeline.provenance import is_current, record
from noisette.pipeline.settings import DetectSettings
from noisette.pipeline.workspace import Workspace
from noisette.references import find_references
from noisette.store import about_path
from noisette.types import Float32Array, Progress
from noisette.verifier.base import Verifier
from noisette.verifier.cleannet.recipe import CleanNetRecipe, as_recipe
from noisette.verifier.saving import load_verifier, verifier_class


def make_verifier(
    workspace: Workspace,
    name: str,
    progress: Progress,
    *,
    references: Float32Array | None = None,
    training_folder: Path | None = None,
) -> Verifier:
    """Make an unfitted verifier with the settings of the workspace."""
    settings = workspace.settings
    kind = verifier_class(name)
    options: dict[str, Any] = {"random_state": settings.project.random_state, "progress": progress}
    if name == "cleannet":
        options |= {
            "num_references": settings.references.num_references,
            "normalization": settings.detect.normalization,
            "recipe": _recipe(settings.detect),
            "references": references,
            "training_folder": training_folder,
        }
    return kind(**options)


def _recipe(settings: DetectSettings) -> CleanNetRecipe:
    recipe = as_recipe(settings.recipe)
    return dataclasses.replace(recipe, num_steps=settings.num_steps) if settings.num_steps else recipe


def workspace_references(
    workspace: Workspace, labelled: LabelledFeatures, inputs: dict[str, str], progress: Progress
) -> Float32Array:
    """Give the (K, R, D) references of the workspace, found anew only where they are stale."""
    about = about_references(workspace, inputs)
    path = workspace.references
    if not is_current(path, about):
        arguments = labelled.fit_arguments()
        found = find_references(
            arguments["features"],
            arguments["given_labels"],
            len(labelled.class_names),
            workspace.settings.references.num_references,
            random_state=workspace.settings.project.random_state,
            progress=progress,
        )
        with atomic_path(path) as temporary:
            save_file({"references": found}, temporary)
        record(path, about)
    references: Float32Array = load_file(path)["references"]
    return references


def fitted_verifier(
    workspace: Workspace, name: str, labelled: LabelledFeatures, inputs: dict[str, str], progress: Progress
) -> Verifier:
    """Give the fitted verifier of the workspace, fitted anew only where it is missing or stale."""
    path, about = workspace.verifier(name), about_fit(workspace, name, inputs)
    if is_current(path, about):
        _clear_training(workspace, name)
        verifier = load_verifier(path)
        verifier.progress = progress
        return verifier
    references = workspace_references(workspace, labelled, inputs, progress) if name == "cleannet" else None
    training_folder = _training_folder(workspace, name, about)
    verifier = make_verifier(workspace, name, progress, references=references, training_folder=training_folder)
    arguments: dict[str, Any] = labelled.fit_arguments()
    verifier.fit(**arguments)
    verifier.save(path)
    record(path, about)
    _clear_training(workspace, name)
    return verifier


def _training_folder(workspace: Workspace, name: str, about: dict[str, Any]) -> Path:
    """Give the folder of unfinished trainings; what another training left there is cleared away."""
    folder = workspace.training(name)
    if not is_current(folder, about):
        _clear_training(workspace, name)
        folder.mkdir(parents=True)
        record(folder, about)
    return folder


def _clear_training(workspace: Workspace, name: str) -> None:
    shutil.rmtree(workspace.training(name), ignore_errors=True)
    about_path(workspace.training(name)).unlink(missing_ok=True)
