from typing import Any

import numpy as np
import torch

from noisette.functional.detection_metrics import auroc
from noisette.verifier.cleannet import CleanNet
from noisette.verifier.cleannet_batches import Pairs
from noisette.verifier.cleannet_recipe import CleanNetRecipe
from noisette.verifier.cleannet_stopping import StopSearch, stops
from noisette.verifier.cleannet_verifier import CleanNetVerifier
from tests.verifier.noisy_data import NoisyData, noisy_data


def test_stops_start_with_no_step_and_end_with_all() -> None:
    assert stops(100) == (0, 5, 10, 25, 50, 75, 100)
    assert stops(1) == (0, 1)


def test_the_fewest_of_the_best_are_taken() -> None:
    search = StopSearch(targets=[np.array([1, 0]), np.array([0, 1])])
    search.scores[0] = [np.array([0.1, 0.2]), np.array([0.3, 0.4])]
    search.scores[50] = [np.array([0.9, 0.2]), np.array([0.1, 0.8])]
    search.scores[10] = [np.array([0.5, 0.2]), np.array([0.1, 0.4])]
    assert search.best() == 10


def test_what_is_observed_is_the_network_of_that_step() -> None:
    generator = torch.Generator().manual_seed(0)
    net = CleanNet(4, "none", generator=generator)
    references, features = torch.randn(2, 3, 4, generator=generator), torch.randn(5, 4, generator=generator)
    pairs = Pairs(features, torch.arange(5), torch.tensor([0, 1, 0, 1, 0]), torch.tensor([1, 0, 1, 1, 0]))
    search = StopSearch(targets=[pairs.targets.numpy()])
    search.observe(7, 0, net, references=references, held_out=pairs)
    kept = search.weights[7, 0]["query_encoder.embed.weight"]
    before = kept.clone()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(1.0)
    assert torch.equal(kept, before)
    assert len(search.scores[0][0]) == 5


def fitted(data: NoisyData, classes: int, **settings: Any) -> CleanNetVerifier:
    verifier = CleanNetVerifier(num_references=4, recipe=CleanNetRecipe(num_steps=20, **settings))
    return verifier.fit(data.features, data.given, data.verified(0.5, classes))


def test_a_verifier_stops_where_left_out_classes_are_told_best() -> None:
    data = noisy_data()
    rows = np.flatnonzero(data.verified(0.5, 6) >= 0)

    def area(verifier: CleanNetVerifier) -> float:
        return auroc(verifier.score_samples(data.features[rows], data.given[rows]), data.truth[rows])

    chosen = fitted(data, 6)
    assert chosen.num_steps_ in stops(20)
    assert area(chosen) >= area(fitted(data, 6, stopping="never"))


def test_with_too_few_verified_classes_only_a_few_steps_are_done() -> None:
    assert fitted(noisy_data(), 2).num_steps_ == 1


def test_the_published_recipe_does_all_its_steps() -> None:
    assert fitted(noisy_data(), 6, stopping="never").num_steps_ == 20
