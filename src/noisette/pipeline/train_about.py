"""What makes a trained classifier, and whether the same would be made today."""

from __future__ import annotations

import dataclasses
from pathlib import Path, PurePath
from typing import Any

from noisette.features.user_models import source_file
from noisette.pipeline.backbone import model_folder
from noisette.pipeline.labelled import EVALUATION_SPLITS
from noisette.pipeline.provenance import State, about_step, artifact_hash, decisions_hash, state_of
from noisette.pipeline.settings import TrainSettings
from noisette.pipeline.train_labels import JOINT, verifier_of
from noisette.pipeline.workspace import Workspace
from noisette.store import ParquetTable, file_hash, folder_hash, read_about

SMALL = "small-resnet"


def with_defaults(workspace: Workspace) -> TrainSettings:
    """Give the settings of the step with its defaults filled in: whose scores, which backbone."""
    options = dataclasses.replace(workspace.settings.train, verifier=verifier_of(workspace))
    if not workspace.has_images:
        return dataclasses.replace(options, backbone="")
    embed = workspace.settings.embed
    if options.backbone:
        return options
    if embed.backbone.partition(":")[0] == "pixels":
        return dataclasses.replace(options, backbone=SMALL)
    pretrained = options.pretrained or ("" if options.from_scratch else embed.weights)
    size = options.image_size or embed.image_size
    return dataclasses.replace(options, backbone=embed.backbone, pretrained=pretrained, image_size=size)


def about_train(workspace: Workspace, options: TrainSettings) -> dict[str, Any]:
    """Describe what makes a classifier; files by their content, not their place.

    Args:
        workspace: the workspace.
        options: from `with_defaults`.
    """
    settings: dict[str, Any] = dataclasses.asdict(options) | {
        "random_state": workspace.settings.project.random_state,
        "step_epochs": list(options.step_epochs),
        "unusual": workspace.settings.images.unusual,
        "features": "" if workspace.has_images else workspace.settings.input.features,
    }
    if options.weights == JOINT:
        settings["num_references"] = workspace.settings.references.num_references
    inputs = _inputs(workspace, settings)
    if settings.pop("pretrained"):
        inputs["pretrained"] = _content(Path(options.pretrained))
    folder, source = model_folder(workspace, options.backbone), source_file(options.backbone)
    if folder is not None:
        settings["backbone"], inputs["model"] = folder.name, folder_hash(folder)
    elif source is not None:
        settings["backbone"], inputs["source"] = PurePath(options.backbone).name, _content(source)
    return about_step("train", settings, inputs)


def model_state(workspace: Workspace, folder: Path) -> tuple[State, str]:
    """Tell whether a classifier is older than the samples, decisions, scores or features it was made from."""
    made_by = read_about(folder)
    if made_by is None:
        return "missing", "not finished; `noisette train` goes on"
    now = _inputs(workspace, made_by["settings"])
    inputs = {name: now.get(name, value) for name, value in made_by["inputs"].items()}
    return state_of(folder, about_step("train", made_by["settings"], inputs))


def _inputs(workspace: Workspace, settings: dict[str, Any]) -> dict[str, str]:
    verifier = settings["verifier"]
    # With given labels as they are, decisions say nothing but how good the classifier is.
    is_blind = settings["weights"] == "none" and not settings.get("hold_out", 0)
    inputs = {
        "classes": file_hash(workspace.classes),
        "samples": file_hash(workspace.samples),
        "decisions": decisions_hash(workspace, EVALUATION_SPLITS if is_blind else None),
    }
    if verifier:
        path = workspace.scores(verifier)
        inputs["scores"] = artifact_hash(path) if path.exists() else "missing"
    if not workspace.has_images:
        inputs["features"] = ParquetTable(workspace.features).content_hash
    return inputs


def _content(path: Path) -> str:
    return file_hash(path) if path.is_file() else "missing"
