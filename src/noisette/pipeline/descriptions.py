"""What makes each artifact: settings and inputs, to be compared with what made the one that is there."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from noisette.pipeline.provenance import about_step, artifact_hash
from noisette.pipeline.workspace import Workspace
from noisette.verifier.saving import FORMAT

NUM_NEIGHBORS = 10
"""Nearest neighbours that are kept of every row."""


def about_references(workspace: Workspace, inputs: dict[str, str]) -> dict[str, Any]:
    """Describe what makes the references: decisions play no part."""
    settings = dataclasses.asdict(workspace.settings.references) | dataclasses.asdict(workspace.settings.project)
    settings.pop("title")
    return about_step("references", settings, {name: inputs[name] for name in ("classes", "samples", "features")})


def about_neighbors(workspace: Workspace, inputs: dict[str, str]) -> dict[str, Any]:
    """Describe what makes neighbours and duplicates: decisions play no part."""
    settings = neighbor_settings(workspace)
    return about_step("neighbors", settings, {name: inputs[name] for name in ("samples", "features")})


def neighbor_settings(workspace: Workspace) -> dict[str, Any]:
    """Give the settings of the search for neighbours; what is made from these depends on them, too."""
    return {
        "num_neighbors": NUM_NEIGHBORS,
        "duplicate_similarity": workspace.settings.detect.duplicate_similarity,
        "random_state": workspace.settings.project.random_state,
    }


def about_fit(workspace: Workspace, name: str, inputs: dict[str, str]) -> dict[str, Any]:
    """Describe what makes a fitted verifier."""
    settings: dict[str, Any] = {"verifier": name, "format": FORMAT} | neighbor_settings(workspace)
    if name == "cleannet":
        detect_settings = dataclasses.asdict(workspace.settings.detect)
        settings |= {key: detect_settings[key] for key in ("normalization", "recipe", "num_steps")}
        settings |= dataclasses.asdict(workspace.settings.references)
    return about_step("fit", settings, inputs)


def about_scores(workspace: Workspace, name: str, inputs: dict[str, str]) -> dict[str, Any]:
    """Describe what makes the scores of a verifier."""
    options = workspace.settings.detect
    settings: dict[str, Any] = {"verifier": name, "weights": options.weights, "weight_floor": options.weight_floor}
    settings["goal"] = options.goal
    settings |= neighbor_settings(workspace)
    return about_step("score", settings, inputs | {"verifier": artifact_hash(workspace.verifier(name))})


def about_detection(workspace: Workspace, names: Sequence[str], inputs: dict[str, str]) -> dict[str, Any]:
    """Describe what makes the choice among verifiers."""
    scores = {f"scores of {name}": artifact_hash(workspace.scores(name)) for name in names}
    return about_step("detect", {"verifiers": list(names)}, inputs | scores)
