import pytest

from noisette.data.rows import BadRowError, verdict_of


@pytest.mark.parametrize(
    ("given", "correct", "stated", "verdict"),
    [(3, 3, -1, 1), (3, 0, -1, 0), (3, -2, -1, 0), (3, 3, 1, 1), (3, 0, 0, 0), (3, -1, -1, -1), (3, -1, 1, 1)],
)
def test_a_correct_label_implies_the_verification_label(given: int, correct: int, stated: int, verdict: int) -> None:
    assert verdict_of(given, correct, stated) == verdict


@pytest.mark.parametrize(("correct", "stated"), [(3, 0), (0, 1), (-2, 1)])
def test_a_verification_label_that_says_otherwise_is_bad(correct: int, stated: int) -> None:
    with pytest.raises(BadRowError) as caught:
        verdict_of(3, correct, stated)
    assert caught.value.kind == "contradicting labels"
    assert caught.value.detail == f"verification_label {stated} and correct_label {correct} for given label 3"
