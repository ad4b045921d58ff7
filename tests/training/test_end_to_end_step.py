"""One step of a joint training: its loss from the formulas, and where its gradients go."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from noisette.training import TrainingRecipe, VerifierLoss
from noisette.training.end_to_end_network import JointNetwork
from noisette.training.end_to_end_objective import EndToEndObjective, References
from noisette.training.end_to_end_options import JointOptions
from noisette.training.end_to_end_samples import COMPARED, LEARNED, VERIFIED, JointSamples, joint_labels
from noisette.verifier.cleannet.network import CleanNet
from tests.oracles import end_to_end as oracle
from tests.training.small_end_to_end import HIDDEN, made, network

DRAWN, BESIDES, SHARE = 16, 4, 0.6
# Samples of an empty class would have nothing to be compared with: class 3 of 4 has none.
MADE = made(40, 3, verified_classes=2)
CORRECTED = np.where((MADE.verification == 0) & (np.arange(40) % 2 == 0), MADE.true, -1)
KNOWN = joint_labels(MADE.data, None, MADE.verification, CORRECTED)


def objective(dtype: torch.dtype = torch.float32, **changes: Any) -> EndToEndObjective:
    options: dict[str, Any] = {"warmup_epochs": 0.0, "verifier_weight": 0.7, "detach_weight": True} | changes
    classifier = network(4).to(dtype)
    cleannet = CleanNet(HIDDEN, "l2", generator=torch.Generator().manual_seed(0)).to(dtype)
    learner = JointNetwork(classifier, None, cleannet, 4, 3).to(dtype)
    rows = KNOWN.references(4, 3, np.random.default_rng(0))
    assert (rows[3] == -1).all()
    data = torch.utils.data.TensorDataset(
        *(part.to(dtype) if part.is_floating_point() else part for part in MADE.data.tensors)
    )
    recipe = TrainingRecipe(batch_size=DRAWN)
    joint = JointOptions(
        num_references=3, refresh_steps=5, verified_per_step=BESIDES, layer=None, normalization="l2", dropout=0.0,
        verifier_loss=VerifierLoss(), **options,
    )  # fmt: skip
    references = References(data, rows, recipe, 0)
    found = EndToEndObjective(learner, references, recipe, joint, steps=2, share_correct=SHARE)
    found.before_step(0, 0)
    learner.train()
    learner.backbone.model[3].p = 0.0  # type: ignore[index]
    return found


def batch(dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor, Tensor]:
    """16 samples as they come, and four verified pairs, one of them of a corrected sample with its right class."""
    samples = JointSamples(MADE.data, KNOWN)
    indices = [*range(DRAWN), *KNOWN.pairs()[[0, 1, 2, -1]].tolist()]
    parts = [samples[index] for index in indices]
    return torch.stack([part[0] for part in parts]).to(dtype), torch.stack([part[1] for part in parts]), torch.ones(20)


def gradients(module: nn.Module) -> float:
    return sum(float(value.grad.abs().sum()) for value in module.parameters() if value.grad is not None)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("warmup_epochs", [0.0, 0.5])
def test_the_loss_is_that_of_the_formulas(dtype: torch.dtype, warmup_epochs: float) -> None:
    joint = objective(dtype, warmup_epochs=warmup_epochs)
    images, targets, weight = batch(dtype)
    with torch.no_grad():
        features = joint.learner.backbone.with_output(images)[0].double().numpy()
        logits = joint.learner.backbone.with_output(images)[1].double().numpy()
    references = joint.learner.references.double().numpy()
    w = {name: value.astype(np.float64) for name, value in joint.learner.cleannet.reference_weights().items()}
    learned, compared, verified = (targets[:, column].numpy() for column in (LEARNED, COMPARED, VERIFIED))
    table = oracle.similarities(features, references, w)
    raw = [
        oracle.raw_weight(table[row][compared[row]], int(verified[row]), bool(learned[row] != compared[row]))
        for row in range(DRAWN)
    ]
    mean = sum(raw) / DRAWN
    assert 0.05 < mean < 0.95
    undecided = [
        oracle.raw_weight(1.0, int(verified[row]), bool(learned[row] != compared[row])) for row in range(DRAWN)
    ]
    weights = undecided if warmup_epochs else [one / mean for one in raw]
    of_classifier = oracle.classifier_loss(logits[:DRAWN], learned[:DRAWN], weights)
    of_verifier = oracle.verifier_loss(
        features, compared, verified, references, w, VerifierLoss(), share_correct=SHARE, drawn=DRAWN
    )
    found = joint.loss(joint.learner, images, targets, weight)
    assert float(found.detach()) == pytest.approx(
        of_classifier + 0.7 * of_verifier, rel=1e-4 if dtype == torch.float32 else 1e-9
    )
    terms = joint.end_epoch()
    assert terms["classifier_loss"] == pytest.approx(of_classifier, rel=1e-4)
    assert terms["verifier_loss"] == pytest.approx(of_verifier, rel=1e-4)
    assert terms["mean_weight"] == pytest.approx(mean, rel=1e-4)
    assert joint.learner.sums.tolist() == [0.0] * 4


def test_the_backbone_receives_the_gradient_of_the_verifier() -> None:
    joint = objective()
    images, targets, weight = batch()
    joint.loss(joint.learner, images, targets, 0 * weight).backward()
    model = joint.learner.backbone.model
    assert isinstance(model, nn.Sequential)
    assert gradients(model[0]) > 0
    assert gradients(model[4]) > 0
    assert gradients(model[6]) == 0  # the last layer alone is the classifier's
    assert all(bool(value.grad.isfinite().all()) for value in joint.learner.parameters() if value.grad is not None)


@pytest.mark.parametrize("detach_weight", [True, False])
def test_the_classifier_changes_the_verifier_only_where_the_weight_is_not_detached(detach_weight: bool) -> None:
    joint = objective(verifier_weight=0.0, detach_weight=detach_weight)
    joint.loss(joint.learner, *batch()).backward()
    encoders = joint.learner.cleannet.query_encoder, joint.learner.cleannet.reference_encoder
    assert all((gradients(encoder) > 0) != detach_weight for encoder in encoders)
    assert gradients(joint.learner.backbone.model) > 0


def test_a_batch_of_zero_weights_costs_nothing() -> None:
    joint = objective(verifier_weight=0.0)
    images, targets, weight = batch()
    targets[:, VERIFIED], targets[:, LEARNED] = 0, targets[:, COMPARED]  # all found wrong, none corrected
    found = joint.loss(joint.learner, images, targets, weight)
    assert float(found.detach()) == 0.0
    found.backward()
    assert gradients(joint.learner) == 0.0


def test_a_class_without_any_reference_leaves_gradients_clean() -> None:
    joint = objective()
    joint.learner.references[1] = torch.nan
    images, targets, weight = batch()
    assert (targets[:, COMPARED] == 1).any()
    joint.loss(joint.learner, images, targets, weight).backward()
    grads = [value.grad for value in joint.learner.parameters() if value.grad is not None]
    assert all(bool(grad.isfinite().all()) for grad in grads)


def test_of_many_classes_those_of_the_batch_alone_are_embedded() -> None:
    joint = objective()
    images, targets, _ = batch()
    some = targets[:, COMPARED].clamp(max=1)
    whole = joint.learner(images, some)
    joint.learner.most_classes = 3
    few = joint.learner(images, some)
    assert whole.similarities.shape == (20, 3)
    assert few.similarities.shape == (20, 2)
    torch.testing.assert_close(few.similarity, whole.similarity)


def test_references_are_the_features_in_evaluation_mode_and_are_renewed_in_time() -> None:
    joint = objective()
    learner = joint.learner
    learner.eval()
    rows = torch.from_numpy(KNOWN.references(4, 3, np.random.default_rng(0)))
    with torch.no_grad():
        expected = learner.backbone(MADE.data.tensors[0][rows[:3].flatten()]).reshape(3, 3, HIDDEN)
    torch.testing.assert_close(learner.references[:3], expected)
    assert bool(learner.references[3].isnan().all())
    learner.train()
    before = learner.references.clone()
    with torch.no_grad():
        learner.backbone.model[4].weight.mul_(2)  # type: ignore[index]
    for number in range(1, 6):
        joint.before_step(*divmod(number, 2))
        assert torch.equal(learner.references[:3], before[:3]) == (number < 5)
    assert learner.training
