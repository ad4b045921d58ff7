from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from sklearn.metrics import roc_auc_score

from noisette.functional import cosine_similarity
from noisette.verifier.cleannet.initialization import initialize, separating_directions
from noisette.verifier.cleannet.network import CleanNet
from noisette.verifier.cleannet.recipe import DEFAULT
from tests.verifier.noisy_data import cleannet_data, noisy_data


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_directions_whiten_and_put_what_separates_classes_first() -> None:
    labels = torch.arange(900) % 3
    features = torch.randn(900, 4, generator=seeded(), dtype=torch.float64) * torch.tensor([5.0, 1.0, 1.0, 1.0])
    features[:, 2] += 10.0 * (labels == 1)
    (directions,) = separating_directions(features, labels, [0.0])
    projected = features @ directions
    torch.testing.assert_close(torch.cov(projected.T), torch.eye(4, dtype=torch.float64))
    leading = directions[:, 0].abs() / directions[:, 0].norm()
    assert leading.argmax() == 2


@pytest.mark.parametrize("num_features", [8, 12, 300])
def test_an_untrained_informed_network_already_tells_wrong_labels(num_features: int) -> None:
    data = noisy_data(1200, num_features)
    tensors = cleannet_data(data, data.verified(0.0, 0))
    net = CleanNet(num_features, generator=seeded())
    initialize(net, tensors.unverified.features, tensors.unverified.labels, DEFAULT, seeded())
    classes = net.embed_references(tensors.references)[tensors.unverified.labels]
    scores = cosine_similarity(net.embed_queries(tensors.unverified.features), classes)
    assert roc_auc_score(data.truth, scores.detach().numpy()) > 0.8
    assert net.centre.norm() > 0.1


def test_the_first_sums_have_the_size_asked_for() -> None:
    data = noisy_data(400, 200)
    net = CleanNet(200, generator=seeded())
    features = torch.from_numpy(data.features)
    initialize(net, features, torch.from_numpy(data.given), replace(DEFAULT, initial_scale=0.2), seeded())
    sums = net.query_encoder.hidden(net.normalize(features))[:, :128]
    torch.testing.assert_close(sums.square().mean().sqrt(), torch.tensor(0.2))


@pytest.mark.parametrize("features", [torch.zeros(5, 6), torch.ones(1, 6), torch.empty(0, 6)])
def test_degenerate_features_give_finite_weights(features: torch.Tensor) -> None:
    net = CleanNet(6, generator=seeded())
    initialize(net, features, torch.zeros(len(features), dtype=torch.long), DEFAULT, seeded())
    assert all(p.isfinite().all() for p in net.parameters())


def test_xavier_is_random_and_seeded() -> None:
    recipe = replace(DEFAULT, initialization="xavier")
    features, labels = torch.rand(9, 6, generator=seeded()), torch.arange(9) % 3
    nets = [CleanNet(6, generator=seeded(9)) for _ in range(3)]
    for net, seed in zip(nets, (0, 0, 1), strict=True):
        initialize(net, features, labels, recipe, seeded(seed))
    weights = [net.query_encoder.hidden.weight for net in nets]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_the_start_that_the_judge_likes_best_is_taken() -> None:
    data = noisy_data(300, 12)
    features, labels = torch.from_numpy(data.features), torch.from_numpy(data.given)
    seen: list[CleanNet] = []

    def judge(net: CleanNet) -> float:
        seen.append(net)
        return [1.0, 3.0, 2.0, 3.0][len(seen) - 1]

    net = CleanNet(12, generator=seeded())
    initialize(net, features, labels, DEFAULT, seeded(), judge)
    assert len(seen) == 1 + len(DEFAULT.other_shrinkages)
    torch.testing.assert_close(net.state_dict(), seen[1].state_dict(), rtol=0, atol=0)
    assert not torch.equal(net.query_encoder.hidden.weight, seen[0].query_encoder.hidden.weight)


def test_a_large_shrinkage_leaves_distances_as_they_are() -> None:
    features = torch.randn(200, 6, generator=seeded(), dtype=torch.float64) * torch.arange(1.0, 7.0)
    (directions,) = separating_directions(features, torch.arange(200) % 5, [1e9])
    gram = directions @ directions.T
    torch.testing.assert_close(gram / gram[0, 0], torch.eye(6, dtype=torch.float64), rtol=0, atol=1e-6)
