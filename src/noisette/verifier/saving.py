"""A fitted verifier on disk: a folder with `verifier.json` and `arrays.safetensors`; no pickle, clock or path."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from noisette.errors import DataFileError
from noisette.files import atomic_folder, recover_folder
from noisette.verifier.base import Verifier
from noisette.verifier.crossfit import CrossFit
from noisette.verifier.folds import FoldKind, FoldPlan
from noisette.verifier.rules import DecisionRules
from noisette.verifier.scorer import Arrays, ConstantScorer, Scorer

FORMAT = 2
"""Raised whenever arrays that were saved before would be read otherwise."""
VERIFIERS: dict[str, str] = {
    "naive": "noisette.verifier.baselines.naive:NaiveVerifier",
    "average": "noisette.verifier.baselines.average:AverageVerifier",
    "filtering": "noisette.verifier.baselines.filtering:FilteringVerifier",
    "drae": "noisette.verifier.baselines.drae:DRAEVerifier",
    "label-propagation": "noisette.verifier.baselines.label_propagation:LabelPropagationVerifier",
    "label-spreading": "noisette.verifier.baselines.label_propagation:LabelSpreadingVerifier",
    "knn": "noisette.verifier.baselines.knn:KNNVerifier",
    "svm": "noisette.verifier.baselines.svm:SVMVerifier",
    "mlp": "noisette.verifier.baselines.mlp:MLPVerifier",
    "evidence": "noisette.verifier.evidence.verifier:EvidenceVerifier",
    "cleannet": "noisette.verifier.cleannet.verifier:CleanNetVerifier",
}
"""Where the class of each verifier lives; the one list that the command line, `load_verifier` and the tests read."""


def verifier_class(name: str) -> type[Verifier]:
    """Give the class of the verifier with this name.

    Raises:
        KeyError: there is none.
    """
    module, _, attribute = VERIFIERS[name].partition(":")
    found: type[Verifier] = getattr(import_module(module), attribute)
    return found


def save_verifier(verifier: Verifier, path: Path) -> None:
    """Write a fitted verifier; the folder is either the old one or the new one, never half of it."""
    assert verifier.class_names is not None
    arrays: Arrays = {"class_counts": verifier.class_counts}
    arrays |= _prefixed("plan", verifier.models.plan.to_arrays())
    arrays |= _prefixed("context", verifier.context)
    for name, scorer in _scorers(verifier).items():
        arrays |= _prefixed(name, scorer.to_arrays())
    about = {
        "format": FORMAT,
        "verifier": verifier.name,
        "settings": verifier.settings(),
        "class_names": list(verifier.class_names),
        "num_features": verifier.num_features,
        "rules": verifier.rules.to_json(),
        "plan": {"kind": verifier.models.plan.kind, "num_folds": verifier.models.plan.num_folds},
    }
    with atomic_folder(path) as folder:
        save_file({k: np.ascontiguousarray(v) for k, v in sorted(arrays.items())}, folder / "arrays.safetensors")
        text = json.dumps(about, indent=2, sort_keys=True, ensure_ascii=False, default=_plain) + "\n"
        (folder / "verifier.json").write_text(text, encoding="utf-8", newline="\n")


def load_verifier(path: str | Path) -> Verifier:
    """Read a verifier that `Verifier.save` wrote; it gives the same scores.

    Raises:
        DataFileError: the folder is not a saved verifier, is damaged, or was written by a later version.
    """
    path = Path(path)
    recover_folder(path)
    about, arrays = _read(path)
    try:
        return _rebuild(about, arrays)
    except (KeyError, TypeError, ValueError) as error:
        raise DataFileError(path, f"is damaged ({error}); fit the verifier again") from error


def _rebuild(about: dict[str, Any], arrays: Arrays) -> Verifier:
    settings = dict(about["settings"])
    if settings["random_state"] is None:  # a generator's state is not kept; another one is saved as None again
        settings["random_state"] = np.random.default_rng(0)
    verifier = verifier_class(about["verifier"])(**settings)
    verifier.class_names, verifier.num_features = tuple(about["class_names"]), int(about["num_features"])
    verifier.class_counts = arrays["class_counts"]
    verifier.context = _with_prefix("context", arrays)
    plan = FoldPlan.from_arrays(about["plan"]["kind"], about["plan"]["num_folds"], _with_prefix("plan", arrays))
    folds = [_restore(verifier, _with_prefix(f"fold{i}", arrays)) for i in range(plan.num_folds)]
    verifier.models = CrossFit(plan, _restore(verifier, _with_prefix("full", arrays)), folds)
    verifier.rules = DecisionRules.from_json(about["rules"])
    return verifier


def load_rules(path: str | Path) -> DecisionRules:
    """Read only the threshold, calibrator and relabel rule of a saved verifier."""
    recover_folder(path)
    return DecisionRules.from_json(_about(Path(path))["rules"])


def plan_kind(path: str | Path) -> FoldKind:
    """Say what was left out in the cross-fit of a saved verifier: whole classes, rows, or nothing."""
    kind: FoldKind = _about(Path(path))["plan"]["kind"]
    return kind


def _read(path: Path) -> tuple[dict[str, Any], Arrays]:
    about = _about(path)
    try:
        return about, load_file(path / "arrays.safetensors")
    except (OSError, SafetensorError) as error:
        raise _not_a_verifier(path, error) from error


def _about(path: Path) -> dict[str, Any]:
    try:
        about = json.loads((path / "verifier.json").read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise _not_a_verifier(path, error) from error
    if not isinstance(about, dict) or about.get("verifier") not in VERIFIERS or about.get("format") != FORMAT:
        raise DataFileError(path, "was not written by this version of noisette; fit the verifier again")
    return about


def _not_a_verifier(path: Path, error: Exception) -> DataFileError:
    return DataFileError(path, f"is not a saved verifier ({error}); save one with `Verifier.save`")


def _plain(value: Any) -> Any:
    """Give a number of numpy's, such as a setting that came out of an array, as JSON takes it."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} is no JSON value")


def _scorers(verifier: Verifier) -> dict[str, Scorer]:
    models = verifier.models
    return {"full": models.full} | {f"fold{i}": scorer for i, scorer in enumerate(models.folds)}


def _restore(verifier: Verifier, arrays: Arrays) -> Scorer:
    if "constant" in arrays:
        return ConstantScorer(float(arrays["constant"][0]), verifier.class_counts)
    return verifier._restore_scorer(verifier.context, arrays)


def _prefixed(name: str, arrays: Arrays) -> Arrays:
    return {f"{name}/{key}": value for key, value in arrays.items()}


def _with_prefix(name: str, arrays: Arrays) -> Arrays:
    return {key.removeprefix(f"{name}/"): value for key, value in arrays.items() if key.startswith(f"{name}/")}
