"""A small made-up data set with everything a report can show."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from noisette.report import Duplicates, HeldOutPair, PictureCopy, ReportData, SuspiciousSample, VerifierResult
from noisette.scores.cleaning import plan_cleaning
from noisette.scores.decisions import label_scores
from noisette.scores.goals import Goal
from noisette.scores.noise_rates import estimate_noise_rates
from noisette.scores.weights import summarize_weights


def picture(side: int = 8, shade: int = 200) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((side, side), shade, dtype=np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def make_report(
    num_classes: int = 6,
    *,
    size: int = 60,
    verified_classes: int = 4,
    num_verified: int = 30,
    class_names: Sequence[str] | None = None,
    images: bool = True,
    **changes: Any,
) -> ReportData:
    """Make a report of `num_classes * size` labels; keyword arguments of `ReportData` override its parts."""
    rng = np.random.default_rng(0)
    given = np.repeat(np.arange(num_classes), size)
    wrong = rng.random(given.size) < rng.beta(2, 6, num_classes)[given]
    scores = rng.normal(0, 0.15, given.size) + np.where(wrong, 0.2, 0.7)
    quality = 1 / (1 + np.exp(-9 * (scores - 0.42)))
    truth = np.full(given.size, -1)
    for label in range(verified_classes):
        rows = np.flatnonzero(given == label)[:num_verified]
        truth[rows] = 1 - wrong[rows]
    rows = np.flatnonzero(truth >= 0)
    found = label_scores(
        given,
        scores=scores,
        label_quality=quality,
        verdict=scores >= 0.42,
        verification_labels=truth,
        suggested=(given + 1) % num_classes,
        suggested_probability=1 - quality,
    )
    evaluation = [
        VerifierResult(
            name="average", micro_error=0.12, auroc=0.8, scores=-(scores[rows] ** 2), verification_labels=truth[rows],
        ),
        VerifierResult(
            name="cleannet", average_error_inside=0.061, average_error_held_out=0.093, micro_error=0.07, auroc=0.95,
            average_precision=0.9, threshold=0.42, error_reduced=0.4, chosen=True, scores=scores[rows],
            verification_labels=truth[rows],
        ),
    ]  # fmt: skip
    samples = [
        SuspiciousSample(
            key=f"pictures/{i}.png",
            given_label=int(given[i]),
            suggested_label=int(found.suggested_label[i]),
            label_quality=float(quality[i]),
            suggested_probability=float(1 - quality[i]),
            score=float(scores[i]),
            evidence="8 of 10 neighbours are class 1",
            held_out=HeldOutPair("cleannet", 0.31, 0.25),
            verification_label=int(truth[i]),
            image=picture(shade=int(i) % 256) if images else None,
        )
        for i in np.argsort(quality)[:60]
    ]
    data = ReportData(
        title="Made-up pictures",
        class_names=tuple(class_names or (f"class {i}" for i in range(num_classes))),
        label_scores=found,
        verification_labels=truth,
        noise_rates=estimate_noise_rates(given, quality, truth, num_classes),
        weights=summarize_weights(found.sample_weight, given, num_classes),
        model_quality=quality,
        left_out="rows",
        cleaning=plan_cleaning(Goal(), scores, quality, given, truth, num_classes, 0.42),
        per_class_error=np.where(np.arange(num_classes) < verified_classes, 0.05, np.nan),
        threshold=0.42,
        score_name="similarity",
        evaluation=evaluation if rows.size else [],
        samples=samples,
        settings={"verifier": "cleannet", "thresholds": [0.1, 0.2, "auto"]},
        versions={"noisette": "0.1.0"},
        next_step="noisette review",
    )
    return dataclasses.replace(data, **changes)


def make_duplicates(*, images: bool = True, **changes: Any) -> Duplicates:
    """Make duplicates with two pictures under different labels; keyword arguments override parts."""
    first = PictureCopy(key="a/1.png", split="train", label=0, given_label=0, image=picture() if images else None)
    copies = [
        first,
        dataclasses.replace(first, key="b/1.png", label=1, given_label=1, verification_label=1),
        dataclasses.replace(first, key="c/9.png", split="test", label=2, given_label=0, verification_label=0),
    ]
    other = [dataclasses.replace(copy, key=f"other/{copy.key}", image=None) for copy in copies[:2]]
    made = Duplicates(
        num_samples=1234, num_pictures=600, num_conflicting=2, num_across_splits=7, similarity=0.99,
        conflicts=[copies, other],
    )  # fmt: skip
    return dataclasses.replace(made, **changes)
