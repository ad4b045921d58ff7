"""`noisette train`: a classifier on labels weighted by what is known of them; a killed run goes on where it was."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from noisette.errors import InvalidInputError, WorkspaceError
from noisette.features.extraction import usable_device
from noisette.files import atomic_open, recover_folder
from noisette.pipeline.confusions_file import CONFUSIONS, confusions_text
from noisette.pipeline.embed_run import loading_processes
from noisette.pipeline.exclusive import alone
from noisette.pipeline.hold_out import HELD_OUT
from noisette.pipeline.provenance import forget, is_current, record
from noisette.pipeline.settings import TrainSettings
from noisette.pipeline.train_about import about_train, with_defaults
from noisette.pipeline.train_confusions import read_out
from noisette.pipeline.train_joint import train_joint
from noisette.pipeline.train_labels import JOINT
from noisette.pipeline.train_network import about_network
from noisette.pipeline.train_result import METRICS, TrainFacts, confusion_text, metrics_text, read_facts
from noisette.pipeline.train_sources import TrainingSources, gather, recipe_of, start_network
from noisette.pipeline.workspace import Workspace
from noisette.store import count_samples
from noisette.training import (
    ClassifierMetrics,
    TrainedClassifier,
    evaluate_classifier,
    train_classifier,
    write_model_folder,
)
from noisette.training.processes import first_goes_first, is_same_everywhere, this_process
from noisette.types import BadRow, Progress, silent

NAME = "classifier"
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")
_BEGUN = "begun.json"


@dataclass(frozen=True, eq=False)
class TrainResult:
    """What `train` made, or found made.

    Attributes:
        path: the folder of the classifier.
        facts: see there.
        was_current: True where nothing was to be done.
        bad: the first pictures that were left out.
    """

    path: Path
    facts: TrainFacts
    was_current: bool
    bad: tuple[BadRow, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Give the result as JSON values."""
        return asdict(self.facts) | {"path": str(self.path), "was_current": self.was_current}


def train(
    workspace: Workspace,
    progress: Progress = silent,
    *,
    name: str = NAME,
    num_workers: int | None = None,
    device: str = "auto",
    checkpoint_steps: int = 1000,
    fresh: bool = False,
) -> TrainResult:
    """Train a classifier by the settings `train`, where it is missing or stale, into ``models/<name>``.

    Pictures are decoded as `embed` does; those that cannot be used are counted and left out. A workspace that was made
    from features gets a last layer on these. The splits "validation" and "test", and the share `hold_out` of the
    verified samples of others, are measured on, never learned from.

    With `torch.distributed` initialised, every process calls this and trains on its share; the first one alone looks at
    pictures, writes and reports progress.

    Args:
        workspace: the workspace.
        progress: called during long work; it may raise to stop it.
        name: of the classifier.
        num_workers: processes that load pictures; None = one a core.
        device: "auto" = a GPU where there is one.
        checkpoint_steps: steps between checkpoints within an epoch.
        fresh: start over, also where nothing has changed.

    Raises:
        WorkspaceError: `detect` has not been run, though its scores are wanted; another run is at work; or a training
            was begun with other settings, and `fresh` does not say that it may go.
        InvalidInputError: settings do not go together.
        TooManyBadRowsError: more pictures are bad than the settings allow.
    """
    if not _NAME.fullmatch(name) or name.endswith((".training", ".partial", ".old")):
        raise InvalidInputError(f"`name` must be letters, digits, -, _ and . only, got {name!r}")
    with ExitStack() as held:
        with first_goes_first() as is_first:  # the others read what the first one has written
            workspace, options = _completed(workspace)
            recipe_of(workspace)  # says what is wrong before anything is done
            about, path = about_train(workspace, options), workspace.model(name)
            if is_first:
                recover_folder(path)
            if not fresh and is_current(path, about):
                return TrainResult(path, read_facts(path), True)
            folder, where = path.with_name(f"{name}.training"), usable_device(device)
            if is_first:
                held.enter_context(alone(folder, "noisette train"))
                identity = about | {"device": where.type, "number of processes": this_process()[1]}
                _begin(folder, identity, fresh=fresh)
            workers = _loaders(num_workers, count_samples(workspace.samples), options.batch_size)
            sources = gather(workspace, name, folder, workers, progress if is_first else silent)
        if not is_same_everywhere(about):
            raise WorkspaceError("samples, decisions or scores have changed while pictures were looked at; start again")
        trained = _train(workspace, sources, folder, str(where), checkpoint_steps, progress)
        with first_goes_first() as is_first:
            if is_first:
                _write(workspace, path, about, sources, trained, str(where))
                shutil.rmtree(folder)
    return TrainResult(path, read_facts(path), False, tuple(sources.bad.rows))


def _loaders(asked: int | None, num_samples: int, batch_size: int) -> int:
    """Give the number of processes that load pictures; those that train on one machine share its cores."""
    most = loading_processes(asked, num_samples, batch_size)
    beside = 1 if this_process()[1] == 1 else int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    return most if asked is not None else -(-most // beside)


def _train(
    workspace: Workspace,
    sources: TrainingSources,
    folder: Path,
    device: str,
    checkpoint_steps: int,
    progress: Progress,
) -> TrainedClassifier:
    found = {(labels.split, labels.kind): data for labels, data in sources.evaluation}
    validation = found.get(("validation", "given"), found.get((HELD_OUT, "verified")))
    if workspace.settings.train.weights == JOINT:
        return train_joint(workspace, sources, validation, folder, device, checkpoint_steps, progress)
    return train_classifier(
        sources.network.model,
        sources.train,
        recipe=recipe_of(workspace, sources.num_workers),
        validation=validation,
        folder=folder,
        checkpoint_steps=checkpoint_steps,
        device=device,
        labels=sources.labels.labels,
        weights=sources.labels.weights,
        random_state=workspace.settings.project.random_state,
        progress=progress,
    )


def _write(
    workspace: Workspace,
    path: Path,
    about: dict[str, Any],
    sources: TrainingSources,
    trained: TrainedClassifier,
    device: str,
) -> TrainFacts:
    """Measure, and write the folder; what made it comes last."""
    found: dict[str, dict[str, ClassifierMetrics]] = {}
    for labels, data in sources.evaluation:
        metrics = evaluate_classifier(trained.model, data, num_workers=sources.num_workers, device=device)
        found.setdefault(labels.split, {})[labels.kind] = metrics
    facts = _facts(workspace, sources, trained, found)
    names = workspace.class_names()
    texts = {METRICS: metrics_text(facts)}
    for split, kinds in found.items():
        for kind, metrics in kinds.items():
            texts[f"confusion-{split}-{kind}.csv"] = confusion_text(metrics, names)
    confusions = read_out(trained.model, sources.train, names, device=device)
    if confusions is not None:
        texts[CONFUSIONS] = confusions_text(confusions)
    recipe = asdict(recipe_of(workspace))
    del recipe["num_workers"]
    network = about_network(sources.network, names, workspace.settings.train.image_size, recipe)
    forget(path)
    write_model_folder(path, trained.model, network, texts=texts)
    record(path, about)
    return read_facts(path)


def _facts(
    workspace: Workspace,
    sources: TrainingSources,
    trained: TrainedClassifier,
    found: dict[str, dict[str, ClassifierMetrics]],
) -> TrainFacts:
    labels, options = sources.labels, workspace.settings.train
    notes = [*labels.notes]
    if not workspace.has_images:
        notes.append("the workspace was made from features: what is trained is a last layer on them")
    if not found:
        notes.append("there is no validation or test split, so the classifier is measured on nothing")
    return TrainFacts(
        architecture=sources.network.architecture,
        head=sources.network.head,
        num_parameters=sources.network.num_parameters,
        weights=options.weights,
        verifier=options.verifier,
        num_samples=int(labels.rows.size),
        num_changed=labels.num_changed,
        num_without_weight=int((labels.weights == 0).sum()),
        num_left_out=labels.num_left_out,
        # A joint training says itself how its weights were.
        mean_weight=trained.history[-1].terms.get("mean_weight", float(labels.weights.mean())),
        bad=dict(sources.bad.counts + sources.bad.left_out),
        # A checkpoint gives metrics back in another order.
        history=[asdict(record) | {"metrics": dict(sorted(record.metrics.items()))} for record in trained.history],
        evaluation={
            split: {kind: dict(metrics.as_numbers()) for kind, metrics in kinds.items()}
            for split, kinds in found.items()
        },
        notes=notes,
    )


def _completed(workspace: Workspace) -> tuple[Workspace, TrainSettings]:
    """Give the workspace with the defaults of the step filled in, and its settings of the step."""
    options = with_defaults(workspace)
    return dataclasses.replace(workspace, settings=dataclasses.replace(workspace.settings, train=options)), options


def check_start(workspace: Workspace, name: str) -> None:
    """Make the network that a training of that name would start from, where it is not done: before anything is lost.

    Raises:
        InvalidInputError: settings do not go together, or there is no such backbone.
    """
    workspace, options = _completed(workspace)
    if not is_current(workspace.model(name), about_train(workspace, options)):
        recipe_of(workspace)
        start_network(workspace, name)


def is_begun_otherwise(workspace: Workspace, name: str, device: str) -> bool:
    """Tell whether a training of that name is under way that settings, inputs or device of today did not begin."""
    begun = workspace.model(f"{name}.training") / _BEGUN
    if not begun.exists():
        return False
    workspace, options = _completed(workspace)
    now = json.loads(json.dumps(about_train(workspace, options) | {"device": usable_device(device).type}))
    before = json.loads(begun.read_text(encoding="utf-8"))
    return any(before.get(part) != value for part, value in now.items())


def _begin(folder: Path, identity: dict[str, Any], *, fresh: bool) -> None:
    """Make the folder of a training under way, or take up the one that is there.

    Raises:
        WorkspaceError: that one was begun with other settings.
    """
    begun = folder / _BEGUN
    if fresh or not begun.exists():
        shutil.rmtree(folder, ignore_errors=True)
        with atomic_open(begun) as file:
            json.dump(identity, file, sort_keys=True)
        return
    before, now = json.loads(begun.read_text(encoding="utf-8")), json.loads(json.dumps(identity))
    if before != now:
        pairs = ((part, before.get(part, {}), now[part]) for part in ("settings", "inputs"))
        changed = [name for _, old, new in pairs for name in sorted(old | new) if old.get(name) != new.get(name)]
        others = ("version", "device", "number of processes")
        changed += [name for name in others if before.get(name) != now[name]]
        raise WorkspaceError(
            f"{folder} is a training that was begun with another {', '.join(changed)}; go on with those, or begin "
            "again: `noisette train --fresh`"
        )
