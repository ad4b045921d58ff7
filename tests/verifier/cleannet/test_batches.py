from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from noisette.errors import NotVerifiedError
from noisette.verifier.cleannet.batches import Batch, Batches, CleanNetData, Pairs, to_tensor
from noisette.verifier.cleannet.recipe import PAPER, CleanNetRecipe

RECIPE = CleanNetRecipe(verified_per_step=4, unverified_per_step=5, contrast_classes=3)


def data(verified: int = 10, unverified: int = 100) -> CleanNetData:
    """Verified row i has feature i, unverified row i has -1 - i; class 5 has no references, class 4 one row."""
    references = torch.zeros(6, 2, 1)
    references[5] = references[4, 1] = torch.nan
    rows = torch.arange(verified)
    pairs = Pairs(rows[:, None].float(), rows, rows % 3, rows % 2)
    labels = torch.arange(unverified) % 4
    labels[:1] = 4
    return CleanNetData(references, pairs, Pairs.unverified(-1.0 - torch.arange(unverified)[:, None], labels))


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def draw(batches: Batches, count: int) -> list[Batch]:
    return [batches.draw() for _ in range(count)]


def test_features_labels_and_targets_stay_together() -> None:
    for batch in draw(Batches(data(), RECIPE, seeded()), 20):
        values = batch.features[:, 0].long()
        labels = batch.classes[batch.own]
        assert (values >= 0).tolist() == [True] * 4 + [False] * 5
        assert torch.equal(labels[:4], values[:4] % 3)
        assert torch.equal(batch.targets[:4], values[:4] % 2)
        rest = -1 - values[4:]
        assert torch.equal(labels[4:], torch.where(rest == 0, 4, rest % 4))
        assert (batch.targets[4:] == -1).all()


def test_verified_pairs_come_in_shuffled_epochs() -> None:
    seen = torch.cat([batch.features[:4, 0] for batch in draw(Batches(data(), RECIPE, seeded()), 5)]).reshape(2, 10)
    for epoch in seen:
        assert sorted(epoch.tolist()) == list(range(10))
    assert not torch.equal(seen[0], seen[1])


def test_fewer_verified_pairs_than_asked_for() -> None:
    for batch in draw(Batches(data(verified=2), RECIPE, seeded()), 3):
        assert sorted(batch.features[:-5, 0].tolist()) == [0, 1]


def test_unverified_by_class_gives_every_class_the_same_share() -> None:
    batches = draw(Batches(data(), replace(PAPER, unverified_per_step=50), seeded()), 100)
    labels = torch.cat([batch.classes[batch.own][-50:] for batch in batches])
    np.testing.assert_allclose(torch.bincount(labels).numpy() / 5000, 0.2, atol=0.03)
    assert len(torch.cat([batch.features[-50:, 0] for batch in batches]).unique()) == 100


def test_unverified_by_row_gives_every_row_the_same_share() -> None:
    batches = draw(Batches(data(), replace(RECIPE, unverified_per_step=50), seeded()), 400)
    rows = -1 - torch.cat([batch.features[-50:, 0] for batch in batches]).long()
    np.testing.assert_allclose(torch.bincount(rows, minlength=100).numpy() / 20_000, 0.01, atol=0.004)


def test_classes_are_each_embedded_once_with_others_for_the_contrast_only() -> None:
    few = replace(RECIPE, verified_per_step=1, unverified_per_step=0)
    for batch in draw(Batches(data(), few, seeded()), 10):
        assert len(batch.classes) == 3
        assert torch.equal(batch.classes, torch.unique(batch.classes))
        assert 5 not in batch.classes
    for batch in draw(Batches(data(), replace(few, contrast_weight=0.0), seeded()), 10):
        assert len(batch.classes) == 1
    assert len(Batches(data(), replace(few, contrast_classes=99), seeded()).draw().classes) == 5


def test_pairs_of_classes_without_references_are_left_out() -> None:
    whole = data(verified=3)
    labels = torch.tensor([0, 5, 2])
    part = replace(whole, verified=replace(whole.verified, labels=labels)).usable()
    assert part.verified.labels.tolist() == [0, 2]
    assert part.share_correct == 0.0
    assert data(verified=0).share_correct == 1.0


def test_the_same_generator_and_state_give_the_same_batches() -> None:
    first = Batches(data(), RECIPE, seeded())
    draw(first, 3)
    second = Batches(data(), RECIPE, seeded(9))
    second.generator.set_state(first.generator.get_state())
    second.load_state({name: value.clone() for name, value in first.state().items()})
    for a, b in zip(draw(first, 7), draw(second, 7), strict=True):
        assert all(
            torch.equal(getattr(a, name), getattr(b, name)) for name in ("features", "targets", "classes", "own")
        )


def test_nothing_to_learn_from() -> None:
    with pytest.raises(NotVerifiedError, match="this recipe learns from verification labels alone"):
        Batches(data(verified=0), PAPER, seeded())
    with pytest.raises(NotVerifiedError, match="there are none"):
        Batches(data(verified=0, unverified=0), RECIPE, seeded())
    assert len(Batches(data(verified=0), RECIPE, seeded()).draw().own) == 5


def test_tensors_share_memory_where_they_may() -> None:
    array = np.zeros((2, 3), dtype=np.float32)
    to_tensor(array)[0, 0] = 1
    assert array[0, 0] == 1
    array.flags.writeable = False
    to_tensor(array)[0, 0] = 2
    assert array[0, 0] == 1
