from typing import Any

import numpy as np
import pytest
import torch

from noisette.verifier.cleannet.batches import Pairs
from noisette.verifier.cleannet.network import CleanNet
from noisette.verifier.cleannet.recipe import CleanNetRecipe
from noisette.verifier.cleannet.stopping import Outlook, StopSearch, set_aside, stops
from noisette.verifier.cleannet.verifier import CleanNetVerifier
from noisette.verifier.inputs import VerifiedPairs
from tests.verifier.noisy_data import NoisyData, noisy_data


def test_stops_start_with_no_step_and_end_with_all() -> None:
    assert stops(100) == (0, 5, 10, 25, 50, 75, 100)
    assert stops(1) == (0, 1)


def outlook(*pairs: tuple[float, int]) -> Outlook:
    scores, targets = zip(*pairs, strict=True)
    return Outlook(np.array(scores), np.array(targets))


GOOD, BAD = outlook((0.9, 1), (0.1, 0)), outlook((0.1, 1), (0.9, 0))


def test_the_fewest_of_the_best_are_taken() -> None:
    search = StopSearch(0.5, outside={0: [BAD], 50: [GOOD], 10: [GOOD]}, inside={0: [BAD], 50: [GOOD], 10: [GOOD]})
    assert search.best() == 10


@pytest.mark.parametrize(("inside_share", "expected"), [(0.2, 0), (0.8, 50)])
def test_each_side_counts_by_its_samples(inside_share: float, expected: int) -> None:
    rng = np.random.default_rng(0)
    high, low = (Outlook(rng.normal(size=4000) + np.arange(4000) % 2 * gap, np.arange(4000) % 2) for gap in (1.0, 0.98))
    search = StopSearch(inside_share, outside={0: [high], 50: [low]}, inside={0: [low], 50: [high]})
    assert search.best() == expected


def test_what_costs_unverified_classes_much_is_not_taken() -> None:
    search = StopSearch(0.9, outside={0: [GOOD], 50: [BAD]}, inside={0: [BAD], 50: [GOOD]})
    assert search.best() == 0


def test_folds_are_pooled() -> None:
    low, high = outlook((0.2, 1), (0.1, 0)), outlook((0.9, 1), (0.8, 0))
    search = StopSearch(0.0, outside={0: [low, high], 10: [low, low]}, inside={0: [GOOD], 10: [GOOD]})
    assert search.best() == 10


def test_nothing_set_aside_of_one_kind() -> None:
    one_kind = outlook((0.2, 1))
    search = StopSearch(0.9, outside={0: [BAD], 10: [GOOD]}, inside={0: [one_kind], 10: [one_kind]})
    assert search.best() == 10


def test_all_pairs_of_a_row_are_set_aside_together() -> None:
    pairs = VerifiedPairs(np.repeat(np.arange(50), 2), np.arange(100) % 3, np.arange(100) % 2)
    aside = set_aside(pairs, 3)
    assert aside.sum() == 10
    np.testing.assert_array_equal(aside[::2], aside[1::2])


def test_what_is_observed_is_the_network_of_that_step() -> None:
    generator = torch.Generator().manual_seed(0)
    net = CleanNet(4, "none", generator=generator)
    references, features = torch.randn(2, 3, 4, generator=generator), torch.randn(5, 4, generator=generator)
    pairs = Pairs(features, torch.arange(5), torch.tensor([0, 1, 0, 1, 0]), torch.tensor([1, 0, 1, 1, 0]))
    search = StopSearch(0.5)
    search.observe(7, 0, net, references=references, outside=pairs, inside=pairs)
    kept = search.weights[7, 0]["query_encoder.embed.weight"]
    before = kept.clone()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(1.0)
    assert torch.equal(kept, before)
    assert len(search.outside[0][0].scores) == 5


def fitted(data: NoisyData, classes: int, **settings: Any) -> CleanNetVerifier:
    verifier = CleanNetVerifier(num_references=4, recipe=CleanNetRecipe(num_steps=20, **settings))
    return verifier.fit(data.features, data.given, data.verified(0.5, classes))


def test_a_verifier_stops_at_one_of_the_stops() -> None:
    assert fitted(noisy_data(), 6).num_steps_ in stops(20)


def test_with_too_few_verified_classes_only_a_few_steps_are_done() -> None:
    assert fitted(noisy_data(), 2).num_steps_ == 1


def test_the_published_recipe_does_all_its_steps() -> None:
    assert fitted(noisy_data(), 6, stopping="never").num_steps_ == 20
