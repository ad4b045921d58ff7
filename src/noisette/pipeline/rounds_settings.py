"""What the rounds of the joint loop are made with: which classifier is gone on from, how long, how fast."""

from __future__ import annotations

import re

from noisette.errors import InvalidInputError
from noisette.pipeline.backbone import model_folder
from noisette.pipeline.train_about import with_defaults
from noisette.pipeline.workspace import Workspace, with_settings

END_TO_END = "end-to-end"
"""Name of the classifier, and of the weights, of the other joint training."""
_OURS = re.compile(rf"round-\d+(-verified)?|{END_TO_END}")


def round_name(number: int, *, verified: bool = False) -> str:
    """Give the name of a round's classifier.

    Example:
        >>> round_name(0), round_name(2, verified=True)
        ('round-0', 'round-2-verified')
    """
    return f"round-{number}-verified" if verified else f"round-{number}"


def with_start(workspace: Workspace) -> Workspace:
    """Write out in the settings what the first classifier starts from.

    It follows from the section `embed` where `train` does not say it; the loop itself changes the one, and must start
    from the same when it is run again.

    Raises:
        InvalidInputError: the start would be a classifier that the loop makes.
    """
    options = with_defaults(with_settings(workspace, train={"weights": "none"}))
    folder = model_folder(workspace, options.backbone)
    is_here = folder is None or folder.resolve().parent == workspace.model("").resolve()
    name = options.backbone if folder is None else folder.name
    if is_here and _OURS.fullmatch(name):
        raise InvalidInputError(
            f"`train.backbone` must be what the joint training starts from, got {name!r}, which it made itself; "
            "name another with --backbone, such as the one that `embed` began with"
        )
    start = {"backbone": options.backbone, "pretrained": options.pretrained, "image_size": options.image_size}
    return with_settings(workspace, train=start)


def first_training(workspace: Workspace) -> Workspace:
    """Give the settings of round 0: everything counts the same."""
    return with_settings(workspace, train={"weights": "none"})


def features_of(workspace: Workspace, name: str) -> Workspace:
    """Give the settings of features by a classifier of that name."""
    return with_settings(workspace, embed={"backbone": name, "weights": "", "layer": "", "image_size": 0})


def tuning(workspace: Workspace, number: int) -> Workspace:
    """Give the settings by which round `number` >= 1 fine-tunes the classifier of the round before."""
    return _tuned(workspace, round_name(number - 1), workspace.settings.train.weights, workspace.settings.rounds.epochs)


def last_step(workspace: Workspace, number: int) -> Workspace:
    """Give the settings of the last step, on nothing but labels that people know."""
    return _tuned(workspace, round_name(number), "verified", workspace.settings.rounds.verified_epochs)


def _tuned(workspace: Workspace, before: str, weights: str, epochs: int) -> Workspace:
    """Give the settings of a fine-tuning: the schedule of the first training, squeezed into its epochs."""
    options = workspace.settings.train
    share = epochs / options.epochs
    return with_settings(
        workspace,
        train={
            "backbone": before,
            "pretrained": "",
            "from_scratch": False,
            "weights": weights,
            "epochs": epochs,
            "learning_rate": options.learning_rate * workspace.settings.rounds.learning_rate_factor,
            "warmup_epochs": options.warmup_epochs * share,
            "step_epochs": tuple(sorted({max(1, round(epoch * share)) for epoch in options.step_epochs})),
        },
    )
