"""The objective of a joint training: a weighted classification loss, and CleanNet's, through one backbone."""

from __future__ import annotations

from typing import Any, final

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.data import DataLoader

from noisette.training.batches import SeededSamples
from noisette.training.end_to_end_loss import (
    LEAST_MEAN,
    all_classes_loss,
    label_weights,
    published_loss,
)
from noisette.training.end_to_end_network import TERMS, JointNetwork, JointOutput
from noisette.training.end_to_end_options import JointOptions
from noisette.training.end_to_end_samples import COMPARED, LEARNED, VERIFIED
from noisette.training.evaluation import evaluation_mode
from noisette.training.loop import lower_precision
from noisette.training.losses import batch_loss
from noisette.training.processes import this_process
from noisette.training.randomness import derived_seed
from noisette.training.recipe import TrainingRecipe
from noisette.types import IntArray


@final
class EndToEndObjective:
    """L = sum(w l) / B + verifier_weight * L_CleanNet, over B samples and, in the second term, V verified ones besides.

    Args:
        learner: classifier, CleanNet and buffers.
        references: the samples that show each class.
        recipe: of the classifier.
        joint: all else; V is `verified_per_step`, samples at the end of a batch for CleanNet alone.
        steps: in an epoch.
        share_correct: of verified labels, see `all_classes_loss`.
    """

    def __init__(
        self,
        learner: JointNetwork,
        references: References,
        recipe: TrainingRecipe,
        joint: JointOptions,
        *,
        steps: int,
        share_correct: float,
    ) -> None:
        self.learner = learner
        self._references, self._recipe, self._joint = references, recipe, joint
        self._steps, self._share_correct, self._step = steps, share_correct, 0
        self._refresh_steps = joint.refreshed_every(references.size, recipe.batch_size)
        self._warmup_steps = round(joint.warmup_epochs * steps)

    def before_step(self, epoch: int, step: int) -> None:
        """Encode the references where it is time."""
        self._step = epoch * self._steps + step
        if self._step % self._refresh_steps == 0:
            self._references.encode(self.learner, self._step)

    def loss(self, learner: nn.Module, images: Tensor, targets: Tensor, weight: Tensor) -> Tensor:
        """Give the loss of a batch whose last V samples are CleanNet's alone."""
        with lower_precision(self._recipe, images):
            found: JointOutput = learner(images, targets[:, COMPARED])
        similarity = found.similarity
        own = slice(0, len(images) - self._joint.verified_per_step)
        scaled, mean = self._weights(similarity[own], targets[own])
        weights = weight[own].to(scaled) * scaled
        of_classifier = batch_loss(
            found.outputs[own], targets[own, LEARNED], weights, label_smoothing=self._recipe.label_smoothing
        )
        of_verifier = self._of_verifier(found, targets[:, VERIFIED], similarity, own.stop)
        self._count(of_classifier, of_verifier, mean)
        return of_classifier + self._joint.verifier_weight * of_verifier

    def _weights(self, similarity: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Give (B,) weights, 1 or 0 in the warm-up, then CleanNet's scaled to a running mean of 1; and the raw mean."""
        is_corrected = targets[:, LEARNED] != targets[:, COMPARED]
        raw = label_weights(
            similarity.detach() if self._joint.detach_weight else similarity, targets[:, VERIFIED], is_corrected
        )
        # The mean is followed from the first step on, so that it is right when the weights come into force.
        of_batch = _mean_of_processes(raw.detach().mean())
        mean = self.learner.mean_weight(of_batch)
        if self._step < self._warmup_steps:
            return label_weights(torch.ones_like(similarity), targets[:, VERIFIED], is_corrected), of_batch
        return raw / mean.clamp(min=LEAST_MEAN), of_batch

    def _of_verifier(self, found: JointOutput, verified: Tensor, similarity: Tensor, drawn: int) -> Tensor:
        """Give CleanNet's loss; the first `drawn` samples are of the data set as it is, with no more verified ones."""
        published = published_loss(similarity, verified, found.query, found.reconstruction, self._joint.verifier_loss)
        placed = all_classes_loss(
            found.similarities[:drawn],
            found.own[:drawn],
            verified[:drawn],
            share_correct=self._share_correct,
            margin=self._joint.verifier_loss.margin,
        )
        return published + self._joint.verifier_loss.classes_weight * placed

    def _count(self, *terms: Tensor) -> None:
        one = terms[0].new_ones(())
        counted = torch.stack([one, *(term.detach() for term in terms)]).to(self.learner.sums)
        self.learner.sums += _mean_of_processes(counted)

    def classifier(self, learner: JointNetwork) -> nn.Module:
        """Give the classifier alone."""
        return learner.backbone.model

    def end_epoch(self) -> dict[str, float]:
        """Give the mean of each term over the steps of the epoch."""
        steps, *sums = self.learner.sums.tolist()
        self.learner.sums.zero_()
        return {name: value / steps for name, value in zip(TERMS, sums, strict=True)}


@final
class References:
    """The pictures that show each class, and how they become references.

    Args:
        dataset: (x, ...), best without augmentation.
        rows: (K, R) its indices, -1 where there is none.
        recipe: batch size, precision and workers.
        random_state: seed of what augmentations draw.
    """

    def __init__(self, dataset: Any, rows: IntArray, recipe: TrainingRecipe, random_state: int) -> None:
        self._dataset, self._rows, self._recipe, self._seed = SeededSamples(dataset), rows, recipe, random_state
        self.size = int((rows >= 0).sum())

    @torch.no_grad()
    def encode(self, learner: JointNetwork, step: int) -> None:
        """Put the features of the references, as the backbone gives them in evaluation mode, into their buffer.

        CleanNet's normalisation is centred on them: they are of all classes alike.
        """
        features = self.features(learner, step)
        places = torch.from_numpy(self._rows >= 0).to(features.device)
        learner.references.masked_scatter_(places[..., None], features.to(learner.references))
        learner.cleannet.fit_normalization(features.to(learner.references))

    def features(self, learner: JointNetwork, step: int) -> Float[Tensor, "N D"]:
        """Give the features of all that there are, in order."""
        rows = self._rows[self._rows >= 0].tolist()
        tasks = [(row, derived_seed(self._seed, step, place)) for place, row in enumerate(rows)]
        size = self._recipe.batch_size
        loader: DataLoader[Any] = DataLoader(
            self._dataset,
            batch_sampler=[tasks[start : start + size] for start in range(0, len(tasks), size)],
            num_workers=self._recipe.num_workers,
            generator=torch.Generator(),
        )
        device, found = learner.references.device, []
        with evaluation_mode(learner):
            for images, *_ in loader:
                images = images.to(device, non_blocking=True)
                with lower_precision(self._recipe, images):
                    found.append(learner.backbone.with_output(images)[0])
        return torch.cat(found)


def _mean_of_processes(value: Tensor) -> Tensor:
    size = this_process()[1]
    if size > 1:
        torch.distributed.all_reduce(value)
    return value / size
