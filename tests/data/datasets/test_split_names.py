import pytest

from noisette.data.datasets.split_names import known_split, split_name, split_of_path


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
    assert [split_name(text, "test") for text in ("val", "")] == ["validation", "test"]


@pytest.mark.parametrize(
    ("path", "split"),
    [
        ("00000.tar", "train"),
        ("train/00000.tar", "train"),
        ("val/00000.tar", "validation"),
        ("Testing/0/00000.tar", "test"),
        ("imagenet/valid/00000.tar", "validation"),
        ("val/train-00000.tar", "validation"),
        ("val.tar", "validation"),
        ("imagenet-val-0000.tar", "validation"),
        ("imagenet_Validation.0000.tar", "validation"),
        ("train-000000.tar", "train"),
        ("test-000000.tar", "test"),
        ("x.test.0.tar", "test"),
        ("latest-0.tar", "train"),
        ("testes-0.tar", "train"),
        ("extra/00000.tar", "train"),
    ],
)
def test_the_path_of_a_shard_tells_its_split(path: str, split: str) -> None:
    assert split_of_path(path) == split
