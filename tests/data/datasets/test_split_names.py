import pytest

from noisette.data.datasets.split_names import known_split, split_name


@pytest.mark.parametrize(
    ("text", "split"),
    [
        ("train", "train"),
        ("Training", "train"),
        ("val", "validation"),
        ("VALID", "validation"),
        (" validation ", "validation"),
        ("test", "test"),
        ("testing", "test"),
    ],
)
def test_common_names_mean_one_of_three_splits(text: str, split: str) -> None:
    assert known_split(text) == split_name(text) == split


def test_other_names_stay_and_nothing_means_train() -> None:
    assert [known_split(text) for text in ("extra", "", "trains")] == [None, None, None]
    assert [split_name(text) for text in ("Extra", "", "  ")] == ["Extra", "train", "train"]
