"""How classifier and CleanNet are trained together, in numbers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from noisette.errors import InvalidInputError
from noisette.training.end_to_end_loss import VerifierLoss
from noisette.training.recipe import TrainingRecipe
from noisette.verifier.cleannet.normalization import Normalization

_ENCODED_SHARE = 0.1  # pictures encoded as references, for each that is learned from


@dataclass(frozen=True, kw_only=True)
class JointOptions:
    """Options of `train_end_to_end` beside the recipe; see there."""

    num_references: int
    refresh_steps: int | None
    verified_per_step: int
    warmup_epochs: float
    verifier_weight: float
    detach_weight: bool
    layer: str | None
    normalization: Normalization
    dropout: float
    verifier_loss: VerifierLoss

    def __post_init__(self) -> None:
        for name, least in (
            ("num_references", 1),
            ("refresh_steps", 1),
            ("verified_per_step", 0),
            ("warmup_epochs", 0),
            ("verifier_weight", 0),
        ):
            value = getattr(self, name)
            if value is not None and not value >= least:
                raise InvalidInputError(f"`{name}` must be at least {least}, got {value}")

    def refreshed_every(self, num_encoded: int, batch_size: int) -> int:
        """Give the steps between two encodings of so many references."""
        return self.refresh_steps or max(1, round(num_encoded / (_ENCODED_SHARE * batch_size)))

    def about(self) -> dict[str, Any]:
        """Give what a checkpoint is compared by."""
        return {f"`{name}`": value for name, value in asdict(self).items()}


def check_joint_recipe(recipe: TrainingRecipe) -> None:
    """Raise InvalidInputError for what `train_end_to_end` cannot do: mixup, sampling by weight."""
    if recipe.mixup > 0:
        raise InvalidInputError("`recipe` has mixup, but a mixture of two pictures has no label to verify; set mixup=0")
    if recipe.sampling == "weighted":
        raise InvalidInputError("`recipe` has sampling='weighted', but the weights are only found; take 'shuffle'")
