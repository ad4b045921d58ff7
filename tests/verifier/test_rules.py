from __future__ import annotations

import numpy as np
import pytest

from noisette.types import Float64Array
from noisette.verifier import rules
from noisette.verifier.baselines.average import AverageVerifier
from noisette.verifier.crossfit import CrossFit
from noisette.verifier.inputs import Query
from tests.contracts.verifier_problems import make_problem


def test_the_relabel_rule_is_learned_from_bounded_many_class_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[tuple[int, ...]] = []
    score_classes = CrossFit.score_classes

    def note(self: CrossFit, query: Query) -> Float64Array:
        found = score_classes(self, query)
        sizes.append(found.shape)
        return found

    monkeypatch.setattr(CrossFit, "score_classes", note)
    problem = make_problem()
    data = problem.features, problem.given, problem.verified
    everything = AverageVerifier().fit(*data).rules.relabel.scale
    monkeypatch.setattr(rules, "MAX_CLASS_SCORES", 60)
    part = AverageVerifier().fit(*data).rules.relabel.scale
    assert sizes[0][0] > 10
    assert sizes[1] == (10, 6)
    assert part == pytest.approx(everything, rel=1)


def test_rows_are_taken_evenly_and_one_at_least() -> None:
    rows = np.arange(100, 110)
    assert rules._evenly(rows, 20).tolist() == rows.tolist()
    assert rules._evenly(rows, 4).tolist() == [100, 102, 105, 107]
    assert rules._evenly(rows, 0).tolist() == [100]
    assert rules._evenly(rows[:0], 0).size == 0
