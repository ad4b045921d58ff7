"""CleanNet under the contract of all verifiers."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, final
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor

from noisette.errors import InvalidInputError, ShapeError
from noisette.functional.detection_metrics import auroc
from noisette.references import find_references
from noisette.scores.weights import soft_weights
from noisette.types import ArrayLike, Float32Array, Float64Array, Progress, RandomState, as_numpy, silent
from noisette.verifier.base import Verifier
from noisette.verifier.cleannet.batches import CleanNetData, to_tensor
from noisette.verifier.cleannet.initialization import initialize
from noisette.verifier.cleannet.network import CleanNet
from noisette.verifier.cleannet.normalization import NORMALIZATIONS, Normalization, check_normalization
from noisette.verifier.cleannet.recipe import CleanNetRecipe, RecipeName, as_recipe
from noisette.verifier.cleannet.samples import Samples, take_samples
from noisette.verifier.cleannet.scorer import CleanNetScorer
from noisette.verifier.cleannet.stopping import StopSearch, set_aside, stops
from noisette.verifier.cleannet.trainer import train_cleannet
from noisette.verifier.cleannet.validation import similarities
from noisette.verifier.crossfit import FoldTask
from noisette.verifier.inputs import TrainingData, VerifiedPairs, batch_rows
from noisette.verifier.scorer import Arrays, Scorer


@final
class CleanNetVerifier(Verifier):
    """Scores a label by the similarity of its sample to the references of its class, as a CleanNet learned to see them.

    Lee, He, Zhang, Yang: CleanNet: Transfer Learning for Scalable Image Classifier Training with Label Noise, CVPR
    2018. Scores are cosine similarities in [-1, 1]; the soft sample weight is max(0, similarity). Without any
    verification label the default recipe still gives scores, learned from the given labels alone; probabilities and
    verdicts then raise `NotVerifiedError`. Of data beyond 128 MB a random sample of the unverified rows, the same
    number from every class, takes part in training.

    Args:
        num_references: references a class, found by K-means.
        normalization: see `CleanNet`. "auto" takes any features; under the recipe "paper" it means "log" (the published
            one) for features without negative numbers, and "l2" for others.
        recipe: "default", "paper" (published; slow), or a `CleanNetRecipe`.
        random_state: integer seed or numpy generator; the same seed gives the same result.
        references: (K, R, D) from `find_references` on the same data; None = found in `fit`.
        training_folder: keeps checkpoints and ``metrics.jsonl`` of each model, and goes on with a training found there,
            to the same result; worth it for the recipe "paper". None keeps nothing. Trainings that are watched to find
            their last step (`CleanNetRecipe.stopping`) take seconds, and start afresh.
        tensorboard_folder: TensorBoard logs of each model; needs the extra ``noisette[tensorboard]``.
        progress: called as ``progress(what, done, total)`` during long work.

    Raises:
        InvalidInputError: an argument is out of its range.
    """

    name: ClassVar[str] = "cleannet"
    needs_verification: ClassVar[bool] = False

    def __init__(
        self,
        num_references: int = 32,
        normalization: Normalization = "auto",
        recipe: RecipeName | CleanNetRecipe | Mapping[str, Any] = "default",
        random_state: RandomState = 0,
        *,
        references: ArrayLike | None = None,
        training_folder: str | Path | None = None,
        tensorboard_folder: str | Path | None = None,
        progress: Progress = silent,
    ) -> None:
        super().__init__(random_state=random_state, progress=progress)
        if num_references < 1:
            raise InvalidInputError(f"`num_references` must be at least 1, got {num_references}")
        check_normalization(normalization)
        self.num_references, self.normalization, self.recipe = num_references, normalization, as_recipe(recipe)
        self.references = None if references is None else as_numpy(references).astype(np.float32)
        self.training_folder = None if training_folder is None else Path(training_folder)
        self.tensorboard_folder = None if tensorboard_folder is None else Path(tensorboard_folder)
        # What the models of all folds share in memory; it goes when the data of a `fit` goes.
        self._shared: WeakKeyDictionary[TrainingData, tuple[Samples, CleanNet]] = WeakKeyDictionary()

    def settings(self) -> dict[str, Any]:
        """Constructor arguments (JSON values) that make an equal, unfitted verifier."""
        own = {"num_references": self.num_references, "normalization": self.normalization}
        return {**super().settings(), **own, "recipe": self.recipe.to_json()}

    def _prepare(self, data: TrainingData, seed: int) -> Arrays:
        references = self._references(data, seed)
        normalization = _resolve(self.normalization, self.recipe, data)
        rng = np.random.default_rng([seed, 1])
        samples = take_samples(data, rng)
        generator = torch.Generator().manual_seed(int(rng.integers(1 << 31)))
        net = CleanNet(data.table.num_features, normalization, self.recipe.dropout, generator=generator)
        judge = _judge(samples, to_tensor(references), data)
        initialize(net, *samples.everything(), self.recipe, generator, judge)
        self._shared[data] = samples, net
        return {"references": references, "normalization": np.array([NORMALIZATIONS.index(normalization)])}

    def _references(self, data: TrainingData, seed: int) -> Float32Array:
        if self.references is None:
            return find_references(
                data.table, data.given_labels, data.num_classes, self.num_references, seed, progress=self.progress
            )
        expected = (data.num_classes, data.table.num_features)
        if self.references.ndim != 3 or self.references.shape[::2] != expected:
            raise ShapeError(
                f"`references` must have shape (K, R, D) with K={expected[0]} and D={expected[1]}, "
                f"got {self.references.shape}; find them again with `find_references`"
            )
        return self.references

    def _tune(self, context: Arrays, data: TrainingData, folds: Sequence[FoldTask]) -> None:
        self.num_steps_, self._fold_weights = self.recipe.num_steps, {}
        if self.recipe.stopping == "never":
            return
        if not folds or np.unique(data.verification_labels[data.verified_rows]).size < 2:
            self.num_steps_ = round(self.recipe.few_classes_share * self.recipe.num_steps)
            return
        samples, initial = self._shared[data]
        references = to_tensor(context["references"])
        verified_classes = np.unique(data.given_labels[data.verified_rows])
        search = StopSearch(float(data.class_counts[verified_classes].sum() / data.given_labels.size))
        for task in folds:
            aside = set_aside(task.pairs, task.seed)
            outside, inside = (
                samples.pairs(pairs.where(data.class_counts[pairs.labels] > 0))  # a correction may name an empty class
                for pairs in (task.held_out, task.pairs.where(aside))
            )
            observe = partial(search.observe, task.seed, references=references, outside=outside, inside=inside)
            learned = task.pairs.where(~aside)
            self._train(copy.deepcopy(initial), samples, references, learned, task.seed, None, observe)
        self.num_steps_ = search.best()
        self._fold_weights = {seed: kept for (seed, step), kept in search.weights.items() if step == self.num_steps_}

    def _fit_scorer(self, context: Arrays, data: TrainingData, pairs: VerifiedPairs, seed: int) -> Scorer:
        samples, initial = self._shared[data]
        net = copy.deepcopy(initial)
        references = to_tensor(context["references"])
        if seed in self._fold_weights:
            net.load_state_dict(self._fold_weights.pop(seed))
        else:
            self._train(net, samples, references, pairs, seed, self.num_steps_, None)
        with torch.no_grad():
            return CleanNetScorer(net, net.embed_references(references))

    def _train(
        self,
        net: CleanNet,
        samples: Samples,
        references: Tensor,
        pairs: VerifiedPairs,
        seed: int,
        stop_at: int | None,
        observe: Callable[[int, CleanNet], None] | None,
    ) -> None:
        training = CleanNetData(references, samples.pairs(pairs), samples.unverified)
        learns_unverified = self.recipe.contrast_weight > 0 and samples.unverified.rows.numel() > 0
        if not len(pairs) and not learns_unverified and samples.rows.size:
            return  # the fold without the only verified labels
        train_cleannet(
            net,
            training,
            self.recipe,
            seed=seed,
            stop_at=stop_at,
            observe=observe,
            observe_at=stops(self.recipe.num_steps),
            # A training taken up in its middle could not say how it looked before.
            folder=None if observe is not None else _below(self.training_folder, seed),
            tensorboard=_below(self.tensorboard_folder, seed),
            progress=self.progress,
        )

    def _restore_scorer(self, context: Arrays, arrays: Arrays) -> Scorer:
        return CleanNetScorer.from_arrays(arrays, NORMALIZATIONS[int(context["normalization"][0])])

    def _soft_weight(self, scores: Float64Array) -> Float64Array:
        return soft_weights(scores)


def _judge(samples: Samples, references: Tensor, data: TrainingData) -> Callable[[CleanNet], float] | None:
    """Judge an untrained network by its AUROC on the verified labels; None where there are none of both kinds."""
    targets = data.verification_labels[samples.rows]
    if np.unique(targets).size < 2:
        return None
    pairs = samples.pairs(VerifiedPairs(samples.rows, data.given_labels[samples.rows], targets))
    return lambda net: auroc(similarities(net, references, pairs).double().numpy(), targets)


def _below(folder: Path | None, seed: int) -> Path | None:
    """Give each model, known by its seed, a folder of its own."""
    return None if folder is None else folder / str(seed)


def _resolve(normalization: Normalization, recipe: CleanNetRecipe, data: TrainingData) -> Normalization:
    """Say what "auto" means under this recipe for these data."""
    if normalization != "auto" or recipe.auto_normalization == "auto":
        return normalization
    blocks = data.table.iter_batches(batch_rows(data.table.num_features))
    return "log" if all(block.min(initial=0.0) >= 0 for block in blocks) else "l2"
