from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from noisette.errors import DataFileError, NotVerifiedError
from noisette.verifier.cleannet.batches import CleanNetData, Pairs
from noisette.verifier.cleannet.checkpoint import load_network
from noisette.verifier.cleannet.initialization import initialize
from noisette.verifier.cleannet.log import read_metrics
from noisette.verifier.cleannet.network import CleanNet
from noisette.verifier.cleannet.recipe import PAPER, CleanNetRecipe
from noisette.verifier.cleannet.trainer import TrainingResult, train_cleannet
from noisette.verifier.cleannet.validation import similarities, validate
from tests.verifier.noisy_data import cleannet_data, noisy_data

SHORT = CleanNetRecipe(
    num_steps=24,
    warmup_steps=2,
    verified_per_step=16,
    unverified_per_step=16,
    dropout=0.2,
    learning_rate=3e-3,
    reconstruction_weight=0.1,
    validation_interval=4,
)
SHORT_PAPER = replace(PAPER, num_steps=24, dropout=0.2, validation_interval=4)


@pytest.fixture(scope="module")
def data() -> CleanNetData:
    noisy = noisy_data()
    return cleannet_data(noisy, noisy.verified(0.5, 4))


@pytest.fixture(scope="module")
def validation() -> Pairs:
    """Pairs of classes that are verified nowhere else."""
    noisy = noisy_data()
    return cleannet_data(noisy, np.where(noisy.given >= 4, noisy.truth, -1)).verified


def start(data: CleanNetData, recipe: CleanNetRecipe) -> CleanNet:
    generator = torch.Generator().manual_seed(0)
    net = CleanNet(12, dropout=recipe.dropout, generator=generator)
    initialize(net, data.unverified.features, data.unverified.labels, recipe, generator)
    return net


def train(data: CleanNetData, recipe: CleanNetRecipe, **options: Any) -> tuple[CleanNet, TrainingResult]:
    net = start(data, recipe)
    return net, train_cleannet(net, data, recipe, **options)


def weights(net: CleanNet) -> torch.Tensor:
    return torch.cat([p.detach().ravel() for p in net.parameters()])


@pytest.mark.parametrize("recipe", [SHORT, SHORT_PAPER], ids=["default", "paper"])
def test_training_lowers_the_loss_and_is_decided_by_the_seed(data: CleanNetData, recipe: CleanNetRecipe) -> None:
    first, result = train(data, recipe, seed=1)
    assert result.history[-1]["loss"] < result.history[0]["loss"]
    assert result.steps == result.best_step == 24
    assert not first.training
    before = torch.get_rng_state()
    assert torch.equal(weights(first), weights(train(data, recipe, seed=1)[0]))
    assert torch.equal(before, torch.get_rng_state())
    assert not torch.equal(weights(first), weights(train(data, recipe, seed=2)[0]))


@pytest.mark.parametrize("recipe", [SHORT, SHORT_PAPER], ids=["default", "paper"])
@pytest.mark.parametrize("stop", [1, 9, 24])
def test_a_resumed_training_equals_an_undisturbed_one(
    data: CleanNetData, validation: Pairs, tmp_path: Path, recipe: CleanNetRecipe, stop: int
) -> None:
    whole, expected = train(data, recipe, validation=validation, folder=tmp_path / "whole")

    def interrupt(_what: str, done: int, _total: int) -> None:
        if done == stop:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(data, recipe, validation=validation, folder=tmp_path / "parts", progress=interrupt)
    net, result = train(data, recipe, validation=validation, folder=tmp_path / "parts")
    assert torch.equal(weights(net), weights(whole))
    assert (result.best_step, result.validation_error) == (expected.best_step, expected.validation_error)
    files = sorted(p.relative_to(tmp_path / "whole") for p in (tmp_path / "whole").rglob("*") if p.is_file())
    assert [str(f.as_posix()) for f in files] == [
        *(f"best/{name}" for name in ("checkpoint.json", "tensors.safetensors")),
        *(f"last/{name}" for name in ("checkpoint.json", "tensors.safetensors")),
        "metrics.jsonl",
    ]
    for file in files:
        assert (tmp_path / "whole" / file).read_bytes() == (tmp_path / "parts" / file).read_bytes(), file


def test_a_finished_training_is_not_trained_again(data: CleanNetData, validation: Pairs, tmp_path: Path) -> None:
    first, done = train(data, SHORT, validation=validation, folder=tmp_path)
    again, result = train(
        data, SHORT, validation=validation, folder=tmp_path, progress=lambda *_: pytest.fail("trains")
    )
    assert torch.equal(weights(first), weights(again))
    assert (result.steps, result.best_step, result.validation_error) == (24, done.best_step, done.validation_error)


def test_best_and_last_are_both_kept(data: CleanNetData, validation: Pairs, tmp_path: Path) -> None:
    net, result = train(data, replace(SHORT, learning_rate=0.05), validation=validation, folder=tmp_path)
    errors = [line["validation_error"] for line in read_metrics(tmp_path / "metrics.jsonl")]
    assert result.validation_error == min(errors)
    assert result.best_step == 4 * (1 + errors.index(min(errors)))
    assert validate(net, data.references, validation)["validation_error"] == min(errors)
    for name, step in {"best": result.best_step, "last": 24}.items():
        kept = CleanNet(12, dropout=0.2)
        load_network(tmp_path / name, kept)
        about = json.loads((tmp_path / name / "checkpoint.json").read_text(encoding="utf-8"))
        assert about["state"]["step"] == step
        assert validate(kept, data.references, validation)["validation_error"] == errors[step // 4 - 1]


def test_early_stopping_waits_as_long_as_asked(data: CleanNetData, validation: Pairs) -> None:
    recipe = replace(SHORT, num_steps=400, learning_rate=0.05, patience=3)
    _, result = train(data, recipe, validation=validation)
    assert result.steps == result.best_step + 3 * 4 < 400
    assert [line["step"] for line in result.history] == list(range(4, result.steps + 1, 4))


def test_metrics_are_json_lines_and_torn_ones_are_dropped(
    data: CleanNetData, validation: Pairs, tmp_path: Path
) -> None:
    def interrupt(_what: str, done: int, _total: int) -> None:
        if done == 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(data, SHORT, validation=validation, folder=tmp_path, progress=interrupt)
    path = tmp_path / "metrics.jsonl"
    path.write_text(path.read_text(encoding="utf-8") + '{"step": 12, "loss": 1.0}\n{"step": 16, "lo', encoding="utf-8")
    train(data, SHORT, validation=validation, folder=tmp_path)
    lines = read_metrics(path)
    assert [line["step"] for line in lines] == [4, 8, 12, 16, 20, 24]
    assert lines[2]["loss"] != 1.0
    names = {"loss", "ranking", "contrast", "reconstruction", "validation_error", "validation_auroc", "threshold"}
    assert names < set(lines[0])


def test_tensorboard(data: CleanNetData, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="needs the extra noisette[tensorboard]")
    train(data, replace(SHORT, num_steps=4), tensorboard=tmp_path / "board")
    assert [file.name.startswith("events.out") for file in (tmp_path / "board").iterdir()] == [True]


@pytest.mark.parametrize("change", [{"seed": 5}, {"recipe": replace(SHORT, num_steps=30)}])
def test_a_folder_of_another_training_is_refused(data: CleanNetData, tmp_path: Path, change: dict[str, Any]) -> None:
    train(data, SHORT, folder=tmp_path)
    options = {"recipe": SHORT, **change}
    with pytest.raises(DataFileError, match=f"was made with another {next(iter(change))}; give another"):
        train(data, options.pop("recipe"), folder=tmp_path, **options)
    with pytest.raises(DataFileError, match="was made with another data"):
        train(replace(data, verified=data.verified.where(torch.arange(9))), SHORT, folder=tmp_path)


def test_a_damaged_checkpoint_is_named(data: CleanNetData, tmp_path: Path) -> None:
    train(data, SHORT, folder=tmp_path)
    (tmp_path / "last" / "tensors.safetensors").write_bytes(b"short")
    with pytest.raises(DataFileError, match=r"last: is not a readable checkpoint .* remove it to start again"):
        train(data, SHORT, folder=tmp_path)


def test_nothing_verified(data: CleanNetData) -> None:
    bare = replace(data, verified=data.verified.where(torch.arange(0)))
    with pytest.raises(NotVerifiedError, match="this recipe learns from verification labels alone"):
        train(bare, SHORT_PAPER)
    net, _ = train(bare, SHORT)
    assert weights(net).isfinite().all()


def test_classes_without_references_poison_nothing(data: CleanNetData) -> None:
    references = data.references.clone()
    references[1] = torch.nan
    references[2, 1:] = torch.nan
    for recipe in (SHORT, SHORT_PAPER):
        net, _ = train(replace(data, references=references), recipe)
        assert weights(net).isfinite().all()


def test_similarities_take_all_pairs_with_dropout_off(data: CleanNetData, monkeypatch: pytest.MonkeyPatch) -> None:
    net = start(data, SHORT).train()
    expected = similarities(net, data.references, data.verified)
    assert net.training
    assert len(expected) == len(data.verified)
    monkeypatch.setattr("noisette.verifier.cleannet.validation.CHUNK", 7)
    torch.testing.assert_close(similarities(net, data.references, data.verified), expected)
    assert similarities(net, data.references, data.verified.where(torch.arange(0))).shape == (0,)
