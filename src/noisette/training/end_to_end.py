"""One optimiser for backbone, classifier and CleanNet: each learns from the others while all of them change."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from noisette.errors import ShapeError
from noisette.features.penultimate import PenultimateFeatures
from noisette.training.batches import TrainingBatches, map_style_size
from noisette.training.checkpoints import EpochRecord
from noisette.training.classifier import TrainedClassifier
from noisette.training.end_to_end_loss import VerifierLoss
from noisette.training.end_to_end_network import JointNetwork
from noisette.training.end_to_end_objective import EndToEndObjective, References
from noisette.training.end_to_end_options import JointOptions, check_joint_recipe
from noisette.training.end_to_end_samples import JointLabels, JointSamples, check_classes, joint_labels
from noisette.training.end_to_end_scores import similarities
from noisette.training.evaluation import evaluation_mode
from noisette.training.loop import LoopOptions, about_training, run_loop
from noisette.training.processes import this_process
from noisette.training.randomness import derived_seed, own_randomness, seed_everything
from noisette.training.recipe import TrainingRecipe
from noisette.types import ArrayLike, Float32Array, Progress, silent
from noisette.verifier.cleannet.network import CleanNet
from noisette.verifier.cleannet.normalization import Normalization


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
    at all. The weights are divided by the exponential average of their mean over about 100 steps (taken as at least
    0.05), so that the learning rate means what it does without weights.

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
    check_joint_recipe(recipe)
    joint = JointOptions(
        num_references=num_references,
        refresh_steps=refresh_steps,
        verified_per_step=max(1, recipe.batch_size // 4) if verified_per_step is None else verified_per_step,
        warmup_epochs=recipe.epochs / 5 if warmup_epochs is None else warmup_epochs,
        verifier_weight=verifier_weight,
        detach_weight=detach_weight,
        layer=layer,
        normalization=normalization,
        dropout=dropout,
        verifier_loss=verifier_loss or VerifierLoss(),
    )
    known = joint_labels(train, labels, verification_labels, correct_labels)
    options = LoopOptions(
        recipe=recipe,
        device=device,
        random_state=random_state,
        validation=validation,
        multilabel=False,
        folder=Path(folder) if folder else None,
        checkpoint_steps=checkpoint_steps,
        about=about_training(recipe, train, None, None) | known.about() | joint.about(),
        progress=progress,
    )
    rank, world_size = this_process()
    batches = TrainingBatches(
        JointSamples(train, known), recipe, random_state, labels=known.learned, rank=rank, world_size=world_size,
        pin_memory=device.type == "cuda", extra=known.pairs() if joint.verified_per_step else None,
        extra_size=joint.verified_per_step,
    )  # fmt: skip
    plain = train if plain is None else plain
    if map_style_size(plain, "plain") != batches.size:
        raise ShapeError(f"`plain` must hold the samples of `train`, {batches.size}, got {len(plain)}")
    learner = _learner(model, plain[0][0], known, joint, device, random_state)
    rows = known.references(len(learner.references), num_references, np.random.default_rng([random_state, 2]))
    references = References(plain, rows, recipe, random_state)
    objective = EndToEndObjective(
        learner, references, recipe, joint, steps=batches.steps, share_correct=known.share_correct
    )
    done = run_loop(objective, batches, options)
    with own_randomness():
        references.encode(done.learner, recipe.epochs * batches.steps)
    classifier = TrainedClassifier(done.learner.backbone.model, done.history, done.metrics)
    return EndToEndResult(classifier, done.learner)


def _learner(
    model: nn.Module, picture: Tensor, known: JointLabels, joint: JointOptions, device: torch.device, random_state: int
) -> JointNetwork:
    """Put a new CleanNet on the classifier; one picture shows how many classes and features there are."""
    with own_randomness(), torch.no_grad(), evaluation_mode(model.to(device)):
        seed_everything(derived_seed(random_state), device)
        features, outputs = PenultimateFeatures(model, joint.layer).with_output(picture[None].to(device))
    if not isinstance(outputs, Tensor) or outputs.ndim != 2:
        got = tuple(outputs.shape) if isinstance(outputs, Tensor) else type(outputs).__name__
        raise ShapeError(f"`model` must give (B, K) outputs, got {got} for one picture")
    check_classes(known, outputs.shape[1])
    generator = torch.Generator().manual_seed(derived_seed(random_state, 1))
    cleannet = CleanNet(features.shape[1], joint.normalization, joint.dropout, generator=generator)
    return JointNetwork(model, joint.layer, cleannet, outputs.shape[1], joint.num_references)
