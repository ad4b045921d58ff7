from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from noisette.errors import DataFileError, InvalidInputError
from noisette.features import weight_hash
from noisette.pipeline.train_network import about_network, load_network, make_network, with_classes, with_head
from noisette.training import ModelFolder, write_model_folder

INPUT = torch.linspace(-1, 1, 2 * 3 * 8 * 8).view(2, 3, 8, 8)


def test_first_weights_follow_from_the_seed_and_global_randomness_stays() -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    same, again, other = (make_network("small-resnet:2", 3, random_state=seed) for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    assert weight_hash(same.model) == weight_hash(again.model) != weight_hash(other.model)


def test_other_classes_get_a_new_last_layer_and_the_same_classes_keep_theirs() -> None:
    network = make_network("small-resnet:2", 3)
    assert with_classes(network, 3) is network
    stem = network.model.get_submodule("stem").weight
    found = with_classes(with_head(network, "diagonal"), 5)
    assert (found.num_classes, found.head, found.layer) == (5, "plain", "fc")
    assert found.model.eval()(INPUT).shape == (2, 5)
    assert found.model.get_submodule("stem").weight is stem


def test_a_head_starts_from_the_last_layer_and_gives_it_back() -> None:
    network = make_network("small-resnet:2", 3)
    logits = network.model.eval()(INPUT)
    found = with_head(network, "heteroscedastic", num_factors=2)
    assert found.model(INPUT).argmax(1).tolist() == logits.argmax(1).tolist()
    assert with_head(found, "heteroscedastic", num_factors=2) is found
    more = with_head(found, "heteroscedastic", num_factors=3)
    assert dict(more.head_options) == {"num_factors": 3}
    assert torch.equal(with_head(more, "plain").model(INPUT), logits)


def test_weights_of_ones_own_are_where_training_starts(tmp_path: Path) -> None:
    made = make_network("small-resnet:2", 3, random_state=7)
    save_file(made.model.state_dict(), tmp_path / "w.safetensors")
    found = make_network("small-resnet:2", 3, pretrained=str(tmp_path / "w.safetensors"))
    assert weight_hash(found.model) == weight_hash(made.model)
    with pytest.raises(DataFileError, match="does not fit the model"):
        make_network("small-resnet:3", 3, pretrained=str(tmp_path / "w.safetensors"))


def test_a_timm_model_keeps_its_head_in_its_folder(tmp_path: Path) -> None:
    network = with_head(make_network("resnet10t", 3, from_scratch=True, image_size=32), "xl", num_factors=2)
    assert network.layer == "fc"
    write_model_folder(tmp_path / "m", network.model, about_network(network, ("a", "b", "c"), 32, {}))
    found = load_network(tmp_path / "m")
    picture = torch.zeros(1, 3, 32, 32)
    assert torch.equal(found.model.eval()(picture), network.model.eval()(picture))
    assert found.backbone.transform is not None


def test_a_folder_that_train_did_not_make_says_no_head(tmp_path: Path) -> None:
    network = make_network("small-resnet:2", 3)
    write_model_folder(tmp_path / "m", network.model, ModelFolder(backbone="small-resnet:2", class_names=("a",)))
    with pytest.raises(DataFileError, match="does not say which head it has"):
        load_network(tmp_path / "m")


def test_a_network_that_makes_its_own_weights_has_no_random_ones(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"`from_scratch` means nothing for .*net\.py:make"):
        make_network(f"{tmp_path}/net.py:make", 3, from_scratch=True)
