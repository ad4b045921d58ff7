"""One optimiser for backbone, classifier and CleanNet: each learns from the others while all of them change."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from noisette.errors import InvalidInputError, ShapeError
from noisette.features.penultimate import PenultimateFeatures
from noisette.training.batches import TrainingBatches, map_style_size
from noisette.training.checkpoints import EpochRecord
from noisette.training.classifier import TrainedClassifier
from noisette.training.end_to_end_loss import VerifierLoss
from noisette.training.end_to_end_network import JointNetwork
from noisette.training.end_to_end_objective import EndToEndObjective, References
from noisette.training.end_to_end_samples import JointSamples, check_classes, joint_labels
from noisette.training.end_to_end_scores import similarities
from noisette.training.evaluation import evaluation_mode
from noisette.training.loop import LoopOptions, about_training, hash_of, run_loop
from noisette.training.processes import this_process
from noisette.training.randomness import derived_seed, own_randomness, seed_everything
from noisette.training.recipe import TrainingRecipe
from noisette.types import CORRECT, UNVERIFIED, ArrayLike, Float32Array, Progress, silent
from noisette.verifier.cleannet.network import CleanNet
from noisette.verifier.cleannet.normalization import Normalization

_ENCODED_SHARE = 0.1  # pictures encoded as references, for each that is learned from


@dataclass(frozen=True, eq=False)
class EndToEndResult:
    """What a joint training gave.

    Attributes:
        classifier: the classifier, its history (whose `terms` are "classifier_loss", "verifier_loss" and "mean_weight",
            before it is scaled to 1), and its metrics.
        network: the classifier, the CleanNet on its features, and the references, as one module in evaluation mode.
    """

    classifier: TrainedClassifier
    network: JointNetwork

    @property
    def cleannet(self) -> CleanNet:
        """The verifier; it takes what goes into the last layer of the classifier."""
        return self.network.cleannet

    @property
    def references(self) -> Tensor:
        """(K, R, D) features of the samples that show each class; NaN where there are none."""
        return self.network.references

    @property
    def history(self) -> tuple[EpochRecord, ...]:
        """A record an epoch."""
        return self.classifier.history

    def similarities(self, dataset: Any, labels: ArrayLike | None = None, **loading: Any) -> Float32Array:
        """Score the labels of samples; see `end_to_end_scores.similarities`."""
        return similarities(self.network, dataset, labels, **loading)


def train_end_to_end(
    model: nn.Module,
    train: Any,
    *,
    verification_labels: ArrayLike,
    correct_labels: ArrayLike | None = None,
    labels: ArrayLike | None = None,
    num_references: int = 32,
    refresh_steps: int | None = None,
    verified_per_step: int | None = None,
    warmup_epochs: float | None = None,
    verifier_weight: float = 1.0,
    detach_weight: bool = True,
    layer: str | None = None,
    normalization: Normalization = "auto",
    dropout: float = 0.0,
    verifier_loss: VerifierLoss | None = None,
    recipe: TrainingRecipe | None = None,
    plain: Any = None,
    validation: Any = None,
    folder: str | Path | None = None,
    checkpoint_steps: int = 1000,
    device: torch.device | str = "cpu",
    random_state: int = 0,
    progress: Progress = silent,
) -> EndToEndResult:
    """Train a classifier and a CleanNet on its features together, from labels of which some are verified.

    Each step minimises ``sum(w l) / B + verifier_weight * L``: l is the cross-entropy of a sample, w = max(0, s) the
    weight that CleanNet gives its label (Lee et al., CVPR 2018, w_soft), L is CleanNet's own loss. A label found
    correct has weight 1; one found wrong is learned as its correct label with weight 1, where that is known, else not
    at all.
    The weights are divided by the exponential average of their mean over about 100 steps (taken as at least 0.05), so
    that the learning rate means what it does without weights.

    Args:
        model: (B, ...) pictures -> (B, K) logits or log-probabilities, changed in place. Parts whose parameters are all
            frozen stay in evaluation mode.
        train: map-style data set of (x, y), N samples; of (x, y, w), w multiplies the weight.
        verification_labels: (N,) 1 = given label correct, 0 = mislabelled, -1 = unverified, in the order of `train`.
        correct_labels: (N,) the class of mislabelled samples: class id, -1 not known, -2 none of the classes.
        labels: (N,) given class ids; None = those of `train` (`targets`, `tensors`; else every sample is read once).
        num_references: R, samples that show each class: first those known to, then unverified ones of that label.
        refresh_steps: steps between two encodings of the references by the backbone in evaluation mode; None = as many
            as keep the pictures encoded under a tenth of those learned from.
        verified_per_step: verified samples that each batch gets besides, for CleanNet alone; None = a quarter of the
            batch. With 0 it sees those that the batch happens to hold.
        warmup_epochs: first epochs, in which unverified labels have weight 1; None = a fifth of all.
        verifier_weight: >= 0, of CleanNet's loss.
        detach_weight: False lets the classification loss change CleanNet through the weights, which then learns to
            doubt what the classifier finds hard.
        layer: whose input the features are, as in `features.PenultimateFeatures`; None = the last layer.
        normalization: of features, see `CleanNet`; "auto" is centred on the references at each of their encodings.
        dropout: of CleanNet's reference encoder, in [0, 1).
        verifier_loss: numbers of CleanNet's loss; None = the published ones, and a comparison with all classes.
        recipe: of the optimiser, batches and schedule; without mixup, and without sampling="weighted".
        plain: the samples of `train` without augmentation, to be references; None = `train`.
        validation: as for `train_classifier`, as are the following.
        folder: for checkpoints.
        checkpoint_steps: steps between them.
        device: where to train.
        random_state: seed >= 0.
        progress: called with ("train", steps done, steps).

    Returns:
        Classifier, CleanNet, references and history.

    Raises:
        NotVerifiedError: nothing is verified.
        ShapeError: an array has not one entry a sample, or the model does not give (B, K).
        UnknownClassError: a label lies beyond the classes of the model.
        InvalidInputError: a value is out of its range, or the recipe does not fit.
        DataFileError: the checkpoint is damaged, or of another training.
        NoisetteError: the loss, or the model, is not finite.
    """
    recipe, device = recipe or TrainingRecipe(), torch.device(device)
    verifier_loss = verifier_loss or VerifierLoss()
    warmup_epochs = recipe.epochs / 5 if warmup_epochs is None else warmup_epochs
    verified_per_step = max(1, recipe.batch_size // 4) if verified_per_step is None else verified_per_step
    _check(recipe, num_references, refresh_steps, verified_per_step, warmup_epochs, verifier_weight)
    known = joint_labels(train, labels, verification_labels, correct_labels)
    options = LoopOptions(
        recipe=recipe,
        device=device,
        random_state=random_state,
        validation=validation,
        multilabel=False,
        folder=Path(folder) if folder else None,
        checkpoint_steps=checkpoint_steps,
        about=about_training(recipe, train, None, None)
        | {
            "`verification_labels`": hash_of(known.verification),
            "given labels": hash_of(known.given),
            "labels to learn": hash_of(known.learned),
            "`num_references`": num_references,
            "`refresh_steps`": refresh_steps,
            "`verified_per_step`": verified_per_step,
            "`warmup_epochs`": warmup_epochs,
            "`verifier_weight`": verifier_weight,
            "`detach_weight`": detach_weight,
            "`layer`": layer,
            "`normalization`": normalization,
            "`dropout`": dropout,
            "`verifier_loss`": asdict(verifier_loss),
        },
        progress=progress,
    )
    rank, world_size = this_process()
    batches = TrainingBatches(
        JointSamples(train, known), recipe, random_state, labels=known.learned, rank=rank, world_size=world_size,
        pin_memory=device.type == "cuda", extra=known.pairs() if verified_per_step else None,
        extra_size=verified_per_step,
    )  # fmt: skip
    plain = train if plain is None else plain
    if map_style_size(plain, "plain") != batches.size:
        raise ShapeError(f"`plain` must hold the samples of `train`, {batches.size}, got {len(plain)}")
    with own_randomness():
        seed_everything(derived_seed(random_state), device)
        num_classes, num_features = _sizes(model.to(device), plain[0][0].to(device), layer)
    check_classes(known, num_classes)
    generator = torch.Generator().manual_seed(derived_seed(random_state, 1))
    cleannet = CleanNet(num_features, normalization, dropout, generator=generator)
    learner = JointNetwork(model, layer, cleannet, num_classes, num_references)
    rows = known.references(num_classes, num_references, np.random.default_rng([random_state, 2]))
    references = References(plain, rows, recipe, random_state)
    encoded = int((rows >= 0).sum())
    objective = EndToEndObjective(
        learner,
        references,
        recipe,
        verifier_loss,
        steps=batches.steps,
        refresh_steps=refresh_steps or max(1, round(encoded / (_ENCODED_SHARE * recipe.batch_size))),
        warmup_steps=round(warmup_epochs * batches.steps),
        share_correct=float((known.verification[known.verification != UNVERIFIED] == CORRECT).mean()),
        verified_per_step=verified_per_step,
        verifier_weight=verifier_weight,
        detach_weight=detach_weight,
    )
    done = run_loop(objective, batches, options)
    with own_randomness():
        references.encode(done.learner, recipe.epochs * batches.steps)
    classifier = TrainedClassifier(done.learner.backbone.model, done.history, done.metrics)
    return EndToEndResult(classifier, done.learner)


def _sizes(model: nn.Module, picture: Tensor, layer: str | None) -> tuple[int, int]:
    """Give K and D, as one picture shows them."""
    with torch.no_grad(), evaluation_mode(model):
        features, outputs = PenultimateFeatures(model, layer).with_output(picture[None])
    if not isinstance(outputs, Tensor) or outputs.ndim != 2:
        got = tuple(outputs.shape) if isinstance(outputs, Tensor) else type(outputs).__name__
        raise ShapeError(f"`model` must give (B, K) outputs, got {got} for one picture")
    return outputs.shape[1], features.shape[1]


def _check(
    recipe: TrainingRecipe,
    num_references: int,
    refresh_steps: int | None,
    verified_per_step: int,
    warmup_epochs: float,
    verifier_weight: float,
) -> None:
    for name, value, least in (
        ("num_references", num_references, 1),
        ("refresh_steps", 1 if refresh_steps is None else refresh_steps, 1),
        ("verified_per_step", verified_per_step, 0),
        ("warmup_epochs", warmup_epochs, 0),
        ("verifier_weight", verifier_weight, 0),
    ):
        if not value >= least:
            raise InvalidInputError(f"`{name}` must be at least {least}, got {value}")
    check_joint_recipe(recipe)


def check_joint_recipe(recipe: TrainingRecipe) -> None:
    """Raise InvalidInputError for what `train_end_to_end` cannot do: mixup, sampling by weight."""
    if recipe.mixup > 0:
        raise InvalidInputError("`recipe` has mixup, but a mixture of two pictures has no label to verify; set mixup=0")
    if recipe.sampling == "weighted":
        raise InvalidInputError("`recipe` has sampling='weighted', but the weights are only found; take 'shuffle'")
