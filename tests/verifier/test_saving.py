from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from noisette.errors import DataFileError, NotFittedError
from noisette.verifier.baselines.average import AverageVerifier
from noisette.verifier.baselines.knn import KNNVerifier
from noisette.verifier.saving import VERIFIERS, load_verifier, verifier_class
from tests.contracts.verifier_problems import make_problem


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    problem = make_problem()
    names = ["été", *"bcdef"]
    verifier = AverageVerifier().fit(problem.features, problem.given, problem.verified, class_names=names)
    verifier.save(tmp_path / "mean")
    return tmp_path / "mean"


def test_there_is_no_pickle_clock_or_path_in_it(saved: Path) -> None:
    assert sorted(file.name for file in saved.iterdir()) == ["arrays.safetensors", "verifier.json"]
    text = (saved / "verifier.json").read_text(encoding="utf-8")
    assert "été" in text
    assert str(saved.parent) not in text


def test_class_names_and_counts_come_back(saved: Path) -> None:
    loaded = load_verifier(saved)
    assert loaded.class_names == ("été", *"bcdef")
    assert loaded.num_features == 8
    assert loaded.class_counts.sum() == 240


def test_saving_again_replaces_what_was_there(saved: Path) -> None:
    before = (saved / "arrays.safetensors").read_bytes()
    (saved / "junk").touch()
    load_verifier(saved).save(saved)
    assert sorted(file.name for file in saved.iterdir()) == ["arrays.safetensors", "verifier.json"]
    assert (saved / "arrays.safetensors").read_bytes() == before


def test_an_unfitted_verifier_cannot_be_saved(tmp_path: Path) -> None:
    with pytest.raises(NotFittedError, match="not fitted yet"):
        AverageVerifier().save(tmp_path / "x")


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match="is not a saved verifier"):
        load_verifier(tmp_path / "nothing")


@pytest.mark.parametrize("name", ["verifier.json", "arrays.safetensors"])
@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe{}"])
def test_a_damaged_file(saved: Path, name: str, content: bytes) -> None:
    (saved / name).write_bytes(content)
    with pytest.raises(DataFileError, match="is not a saved verifier"):
        load_verifier(saved)


@pytest.mark.parametrize(("key", "value"), [("format", 99), ("verifier", "unheard-of")])
def test_another_version(saved: Path, key: str, value: object) -> None:
    about = json.loads((saved / "verifier.json").read_text(encoding="utf-8"))
    (saved / "verifier.json").write_text(json.dumps(about | {key: value}), encoding="utf-8")
    with pytest.raises(DataFileError, match="was not written by this version of noisette; fit the verifier again"):
        load_verifier(saved)


@pytest.mark.parametrize("missing", ["rules", "plan", "settings"])
def test_a_part_that_is_missing(saved: Path, missing: str) -> None:
    about = json.loads((saved / "verifier.json").read_text(encoding="utf-8"))
    del about[missing]
    (saved / "verifier.json").write_text(json.dumps(about), encoding="utf-8")
    with pytest.raises(DataFileError, match=f"is damaged .*{missing}"):
        load_verifier(saved)


def test_arrays_of_another_verifier(saved: Path) -> None:
    save_file({"x": np.ones(1)}, saved / "arrays.safetensors")
    with pytest.raises(DataFileError, match=r"is damaged .*class_counts.*; fit the verifier again"):
        load_verifier(saved)


def test_a_setting_that_this_version_does_not_know(saved: Path) -> None:
    about = json.loads((saved / "verifier.json").read_text(encoding="utf-8"))
    about["settings"]["strange"] = 1
    (saved / "verifier.json").write_text(json.dumps(about), encoding="utf-8")
    with pytest.raises(DataFileError, match=r"is damaged .*strange"):
        load_verifier(saved)


def test_a_verifier_by_its_name() -> None:
    assert verifier_class("average") is AverageVerifier
    assert "cleannet" in VERIFIERS
    with pytest.raises(KeyError):
        verifier_class("unheard-of")


def test_a_verifier_made_with_a_generator_is_saved_again_to_the_same_bytes(tmp_path: Path) -> None:
    problem = make_problem()
    verifier = AverageVerifier(random_state=np.random.default_rng(7))
    verifier.fit(problem.features, problem.given, problem.verified).save(tmp_path / "first")
    load_verifier(tmp_path / "first").save(tmp_path / "second")
    first, second = ((tmp_path / name / "verifier.json").read_bytes() for name in ("first", "second"))
    assert first == second


def test_settings_and_class_names_may_be_numbers_of_numpy(tmp_path: Path) -> None:
    problem = make_problem()
    verifier = KNNVerifier(num_neighbors=np.arange(9)[5], random_state=np.arange(4)[3])
    verifier.fit(problem.features, problem.given, problem.verified, class_names=np.arange(6))  # type: ignore[arg-type]
    verifier.save(tmp_path / "x")
    assert load_verifier(tmp_path / "x").settings() == verifier.settings()
    assert verifier.settings()["random_state"] == 3
