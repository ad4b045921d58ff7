from __future__ import annotations

import numpy as np

from noisette.scores.votes import count_votes


def test_votes_equal_a_slow_count() -> None:
    rng = np.random.default_rng(0)
    labels, asked = rng.integers(-2, 3, (50, 10)), rng.integers(-2, 3, 50)
    found = count_votes(labels, asked)
    for row in range(50):
        voters = [label for label in labels[row] if label != -1]
        votes = 0 if asked[row] == -1 else sum(label == asked[row] for label in voters)
        assert (found.votes[row], found.voters[row]) == (votes, len(voters))
    assert found.votes.dtype == np.int8


def test_what_is_not_known_gets_no_votes_and_none_of_the_classes_does() -> None:
    labels = np.array([[-1, -1, -2]])
    assert count_votes(labels, np.array([-1])).votes.tolist() == [0]
    assert count_votes(labels, np.array([-2])).votes.tolist() == [1]


def test_no_samples() -> None:
    assert count_votes(np.empty((0, 10), np.int64), np.empty(0, np.int64)).votes.shape == (0,)
