"""What makes a round of the joint loop, and whether the same would be made today."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

from noisette.errors import InvalidInputError
from noisette.pipeline.provenance import State, about_step, decisions_hash, state_of
from noisette.pipeline.rounds_record import RoundRecord, read_round, read_rounds, record_path
from noisette.pipeline.rounds_settings import first_training, last_step, round_name, tuning, with_start
from noisette.pipeline.train_about import about_train, with_defaults
from noisette.pipeline.workspace import Workspace
from noisette.store import file_hash, folder_hash

_OF_EMBEDDING = ("batch_size", "dtype", "precision")


def about_round(workspace: Workspace, number: int, *, verified: bool = False) -> dict[str, Any]:
    """Describe what makes a round, from the classifier of the round before on, which must be there.

    Features, references, verifiers and scores of a round are written over by the next one; they follow from this.

    Args:
        workspace: whose settings say what round 0 starts from, see `with_start`.
        number: of the round.
        verified: describe the last step after it, on labels that people know.
    """
    if number == 0:
        first = first_training(workspace)
        about = about_train(first, with_defaults(first))
        return about_step("round", about["settings"] | {"round": 0}, about["inputs"])
    tuned = last_step(workspace, number) if verified else tuning(workspace, number)
    settings: dict[str, Any] = {
        "round": number,
        "random_state": workspace.settings.project.random_state,
        "unusual": workspace.settings.images.unusual,
    }
    settings |= _named("train", dataclasses.asdict(tuned.settings.train))
    if not verified:
        embed = dataclasses.asdict(workspace.settings.embed)
        settings |= _named("embed", {name: embed[name] for name in _OF_EMBEDDING})
        settings |= _named("references", dataclasses.asdict(workspace.settings.references))
        settings |= _named("detect", dataclasses.asdict(workspace.settings.detect))
    inputs = {
        "classes": file_hash(workspace.classes),
        "samples": file_hash(workspace.samples),
        "decisions": decisions_hash(workspace),
        "classifier": folder_hash(workspace.model(round_name(number if verified else number - 1))),
    }
    described: dict[str, Any] = json.loads(json.dumps(about_step("round", settings, inputs)))
    return described  # without tuples, as when it is read


def _named(section: str, values: dict[str, Any]) -> dict[str, Any]:
    return {f"{section}.{name}": value for name, value in values.items()}


def round_state(workspace: Workspace, number: int, *, verified: bool = False) -> tuple[State, str]:
    """Tell whether a round would be made the same today, from the classifier before it that is there."""
    name = round_name(number, verified=verified)
    record, folder = read_round(workspace, name), workspace.model(name)
    before = workspace.model(round_name(number if verified else max(0, number - 1)))
    if record is None or not folder.is_dir() or not before.is_dir():
        return "missing", ""
    if is_tampered_with(workspace, name):
        return "stale", "the classifier itself changed"
    return state_of(record_path(workspace, name), about_round(workspace, number, verified=verified))


def is_tampered_with(workspace: Workspace, name: str) -> bool:
    """Tell whether a round's classifier is not the one that its record is of, whatever is written beside it."""
    record, folder = read_round(workspace, name), workspace.model(name)
    return record is not None and folder.is_dir() and record.model != folder_hash(folder)


def round_states(workspace: Workspace) -> dict[str, tuple[State, str]]:
    """Tell of each recorded round's classifier whether it is current; after one that is not, none is."""
    return dict(_states(workspace, read_rounds(workspace)))


def _states(workspace: Workspace, records: tuple[RoundRecord, ...]) -> Iterator[tuple[str, tuple[State, str]]]:
    if not records:
        return
    try:
        workspace = with_start(workspace)
    except InvalidInputError:  # the settings do not say any more what the rounds began with
        for record in records:
            yield record.name, ("stale", "backbone changed")
        return
    stale = ""
    for record in records:
        state = round_state(workspace, record.number, verified=record.is_last_step)
        yield record.name, ("stale", f"{stale} is not current") if stale else state
        stale = stale or ("" if state[0] == "current" else record.name)
