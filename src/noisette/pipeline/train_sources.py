"""Everything a training needs, put together: samples that can be used, data sets, the network, the recipe."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from noisette.errors import InvalidInputError
from noisette.pipeline.backbone import model_folder
from noisette.pipeline.train_features import TrainingFeatures
from noisette.pipeline.train_labels import JOINT, EvaluationLabels, TrainingLabels, evaluation_labels, training_labels
from noisette.pipeline.train_network import Network, load_network, make_network, with_classes, with_head
from noisette.pipeline.train_pictures import TrainingPictures
from noisette.pipeline.workspace import Workspace
from noisette.store import read_samples
from noisette.training import TrainingRecipe, WeightedDataset, check_joint_recipe
from noisette.types import BadRows, Progress

_RECIPE = {field.name for field in dataclasses.fields(TrainingRecipe)} - {"num_workers"}
_OPTIONAL = ("ema_decay", "clip_norm")


@dataclass(frozen=True, eq=False)
class TrainingSources:
    """What a training starts from.

    Attributes:
        network: the classifier.
        labels: what is learned; of samples that can be used.
        train: data set of (x, y, w).
        plain: the same samples (x, y), not augmented.
        evaluation: samples to measure on, and their data sets.
        num_workers: processes that load samples.
        bad: samples that cannot be used.
    """

    network: Network
    labels: TrainingLabels
    train: WeightedDataset
    plain: Any
    evaluation: list[tuple[EvaluationLabels, Any]]
    num_workers: int
    bad: BadRows


def recipe_of(workspace: Workspace, num_workers: int = 0) -> TrainingRecipe:
    """Give the recipe that the settings say.

    Raises:
        InvalidInputError: a number is out of its range, or the recipe does not fit the weights.
    """
    options = dataclasses.asdict(workspace.settings.train)
    chosen: dict[str, Any] = {name: options[name] for name in _RECIPE}
    chosen |= {name: chosen[name] or None for name in _OPTIONAL}
    recipe = TrainingRecipe(**chosen, num_workers=num_workers)
    if options["weights"] == JOINT:
        check_joint_recipe(recipe)
    return recipe


def start_network(workspace: Workspace, name: str) -> Network:
    """Make the network of a workspace of pictures, with its head; a classifier trained before is gone on from.

    Args:
        workspace: whose settings have their defaults filled in.
        name: of the classifier to be trained.

    Raises:
        InvalidInputError: the classifier would take its own place.
    """
    options, seed = workspace.settings.train, workspace.settings.project.random_state
    num_classes = len(workspace.class_names())
    folder = model_folder(workspace, options.backbone)
    if folder is None:
        network = make_network(
            options.backbone,
            num_classes,
            pretrained=options.pretrained,
            from_scratch=options.from_scratch,
            image_size=options.image_size,
            random_state=seed,
        )
    elif folder.resolve() == workspace.model(name).resolve():
        raise InvalidInputError(
            f"`name` {name!r} is the classifier that training would go on from; give the new one another --name, or "
            "begin with another --backbone"
        )
    else:
        network = load_network(folder, weights=options.pretrained, image_size=options.image_size)
        network = with_classes(network, num_classes, random_state=seed)
    return with_head(network, options.head, num_factors=options.num_factors, temperature=options.temperature)


def gather(workspace: Workspace, name: str, folder: Path, num_workers: int, progress: Progress) -> TrainingSources:
    """Put together what a training needs.

    Args:
        workspace: whose settings have their defaults filled in.
        name: of the classifier.
        folder: for what is kept until the training is done.
        num_workers: processes that load pictures.
        progress: called during long work.

    Raises:
        WorkspaceError: `detect` has not been run, though its scores are wanted.
        InvalidInputError: options do not go together, or nothing is left to learn from.
        TooManyBadRowsError: more pictures are bad than the settings allow.
    """
    samples = read_samples(workspace.samples)
    labels, evaluation = training_labels(workspace, samples), evaluation_labels(workspace, samples)
    rows = np.unique(np.concatenate([labels.rows, *(one.rows for one in evaluation)]))
    source: TrainingFeatures | TrainingPictures
    if workspace.has_images:
        network = start_network(workspace, name)
        source = TrainingPictures(workspace, samples, rows, network, folder, num_workers, progress)
        labels = _usable(labels, source)
    else:
        options, seed = workspace.settings.train, workspace.settings.project.random_state
        source = TrainingFeatures(workspace, samples, rows, folder, progress)
        labels = _usable(labels, source)
        table = workspace.settings.input.features
        network = source.network(len(workspace.class_names()), labels.rows, table, seed)
        network = with_head(network, options.head, num_factors=options.num_factors, temperature=options.temperature)
    identities = [f"{samples.splits[row]}\x1f{samples.keys[row]}" for row in labels.rows]  # no key holds \x1f
    train = WeightedDataset(
        source.dataset(labels.rows, labels.labels, is_training=True),
        dict(zip(identities, labels.weights.tolist(), strict=True)),
        keys=identities,
    )
    plain = source.dataset(labels.rows, labels.labels, is_training=False)
    measured = []
    for one in evaluation:
        kept = np.flatnonzero(source.usable(one.rows))
        if kept.size:
            found = EvaluationLabels(one.split, one.kind, one.rows[kept], one.labels[kept])
            measured.append((found, source.dataset(found.rows, found.labels, is_training=False)))
    return TrainingSources(network, labels, train, plain, measured, source.num_workers, source.bad)


def _usable(labels: TrainingLabels, source: TrainingFeatures | TrainingPictures) -> TrainingLabels:
    kept = np.flatnonzero(source.usable(labels.rows))
    if kept.size == 0:
        raise InvalidInputError("no sample that is to be learned from can be used; see `noisette status`")
    return dataclasses.replace(
        labels,
        rows=labels.rows[kept],
        labels=labels.labels[kept],
        weights=labels.weights[kept],
        num_left_out=labels.num_left_out + labels.rows.size - kept.size,
    )
