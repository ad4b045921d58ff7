import pytest

from noisette.data.images.uris import HubRow, Piece, hub_uri, parse_uri, raw_uri, shown, tar_uri


@pytest.mark.parametrize("member", ["a.jpg", "x/a b.jpg", "a::b.jpg", "a:", ":", "", "naïve %.jpg", "a\nb"])
@pytest.mark.parametrize("shard", ["00000.tar", "train/a::b.tar", "::.tar", ":x.tar"])
def test_a_member_is_found_again_whatever_it_and_its_shard_are_called(member: str, shard: str) -> None:
    uri = tar_uri(1536, 20, member, shard)
    assert parse_uri(uri) == Piece("tar", 1536, 20, member, shard)
    assert shown(uri) == f"{shard}/{member}"


def test_the_forms_are_those_that_are_documented() -> None:
    assert tar_uri(5120, 20480, "000012.jpg", "00000.tar") == "tar://5120+20480/000012.jpg::00000.tar"
    assert raw_uri(17, (3, 32, 32), "batch.bin") == "raw://17+3072/3x32x32::batch.bin"
    assert hub_uri("train", 12, "image") == "hf://train/12/image"


def test_pixels_and_rows_of_tables_are_parsed() -> None:
    assert parse_uri(raw_uri(17, (1, 28, 28), "a::b/batch.bin")) == Piece("raw", 17, 784, "1x28x28", "a::b/batch.bin")
    assert shown(raw_uri(17, (1, 28, 28), "batch.bin")) == "batch.bin@17"
    assert parse_uri(hub_uri("train", 12, "im/age")) == HubRow("train", 12, "im/age")


@pytest.mark.parametrize(
    "path", ["class/name.jpg", "tar:/1+2/a::b", "tar://x+2/a::b", "tar://1+2/a", "hf://train/x/image", "/a/b.jpg", ""]
)
def test_anything_else_is_a_path(path: str) -> None:
    assert parse_uri(path) == path
    assert shown(path) == path
