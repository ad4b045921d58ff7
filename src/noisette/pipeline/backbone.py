"""The backbone that a workspace's settings name: one by name, or a classifier that was trained here."""

from __future__ import annotations

import dataclasses
from pathlib import Path, PurePath
from typing import Any

from noisette.features import Backbone, load_backbone
from noisette.features.user_models import source_file
from noisette.pipeline.provenance import State, about_step, state_of
from noisette.pipeline.train_network import load_network
from noisette.pipeline.workspace import Workspace
from noisette.store import file_hash, folder_hash, has_manifest, unfinished_metadata
from noisette.training import read_model_folder


def workspace_backbone(workspace: Workspace) -> Backbone:
    """Load the backbone of `embed`; a name that is a folder of a trained classifier wins."""
    options = workspace.settings.embed
    folder = model_folder(workspace, options.backbone)
    if folder is None:
        return load_backbone(
            options.backbone,
            weights=options.weights or None,
            layer=options.layer or None,
            image_size=options.image_size or None,
        )
    model = read_model_folder(folder)
    if model.head:  # made by `noisette train`: the whole classifier, whose last layer is left out
        network = load_network(folder, weights=options.weights, image_size=options.image_size)
        layer = options.layer or network.layer or None
        return dataclasses.replace(network.backbone, name=folder.name, layer=layer)
    loaded = load_backbone(
        model.backbone,
        weights=options.weights or model.weights,
        layer=options.layer or model.layer or None,
        image_size=options.image_size or model.image_size or None,
    )
    return dataclasses.replace(loaded, name=folder.name)


def about_embed(workspace: Workspace) -> dict[str, Any]:
    """Describe what makes the features: which pictures, which backbone; files by their content, not their place.

    Weights that a user's function loads by itself are in no file that is named here: `embed` looks at them itself.
    """
    settings = dataclasses.asdict(workspace.settings.embed) | {"unusual": workspace.settings.images.unusual}
    weights = settings.pop("weights")
    inputs = {"samples": file_hash(workspace.samples)}
    if weights:
        inputs["weights"] = _content(Path(weights))
    folder, source = model_folder(workspace, settings["backbone"]), source_file(settings["backbone"])
    if folder is not None:
        settings["backbone"], inputs["model"] = folder.name, folder_hash(folder)
    elif source is not None:
        settings["backbone"], inputs["source"] = PurePath(settings["backbone"]).name, _content(source)
    return about_step("embed", settings, inputs)


def features_state(workspace: Workspace) -> tuple[State, str]:
    """Tell whether the features are there and current, and else why not."""
    if not has_manifest(workspace.features):
        return "missing", "" if unfinished_metadata(workspace.features) is None else "begun; `noisette run` goes on"
    return state_of(workspace.features, about_embed(workspace))


def _content(path: Path) -> str:
    """Hash a file; one that is not there (a workspace that was moved) is a reason, not an error."""
    return file_hash(path) if path.is_file() else "missing"


def model_folder(workspace: Workspace, name: str) -> Path | None:
    """Find a trained classifier: by its name among the workspace's models, or a folder by its path."""
    if not name:
        return None
    # Its own models first: what is meant by a name may not depend on where a command is called.
    found = (path for path in (workspace.model(name), Path(name)) if (path / "model.json").is_file())
    return next(found, None)
