from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from noisette.data import FeatureBatch, read_class_list, read_reference_tsv
from noisette.data import reference_tsv as module
from noisette.data.reference_rows import parse_line
from noisette.data.text_blocks import iter_blocks
from noisette.errors import DataFileError, InvalidInputError, TooManyBadRowsError
from noisette.types import BadRows
from tests import shared_data

GOLDEN = shared_data.GOLDEN / "reference_files"
NAMES = ("apple pie", "b", "c")
GOOD = "k0\tapple pie\t1\t1,2.5,3\nk1\tb\t0\t4,5,-6e-1\n"


def skipping() -> BadRows:
    return BadRows(on_error="skip", max_bad=1.0)


def read(path: Path, content: str | bytes, bad: BadRows | None = None, *, verified: bool = True) -> list[FeatureBatch]:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(read_reference_tsv(path, NAMES, bad or BadRows(), verified=verified))


@pytest.fixture
def tsv(tmp_path: Path) -> Path:
    return tmp_path / "x.tsv"


@pytest.mark.skipif(not GOLDEN.exists(), reason="the golden reference files are not here")
class TestGolden:
    @pytest.mark.parametrize("name", ["train", "val"])
    def test_verified_files_give_exactly_the_published_arrays(self, name: str) -> None:
        bad = BadRows()
        names = read_class_list(GOLDEN / "classes.txt")
        batches = list(read_reference_tsv(GOLDEN / f"{name}.tsv", names, bad, verified=True, dtype="float64"))
        got = np.concatenate([np.column_stack([b.features, b.given_labels, b.verification_labels]) for b in batches])  # type: ignore[list-item]
        expected = np.load(GOLDEN / f"{name}.npy")
        assert got.dtype == expected.dtype
        assert all(b.features.flags.writeable for b in batches)
        np.testing.assert_array_equal(got, expected)
        assert (bad.num_read, bad.num_bad) == (len(expected), 0)

    def test_all_file_gives_exactly_the_published_lists(self) -> None:
        names = read_class_list(GOLDEN / "classes.txt")
        (batch,) = read_reference_tsv(GOLDEN / "all.tsv", names, BadRows(), verified=False, dtype="float64")
        expected = np.load(GOLDEN / "all.npy", allow_pickle=True)
        assert batch.verification_labels is None
        for number, rows in enumerate(expected):
            np.testing.assert_array_equal(batch.features[batch.given_labels == number], np.array(rows))


def test_rows_come_with_keys_labels_and_lines(tsv: Path) -> None:
    (batch,) = read(tsv, GOOD)
    assert batch.keys == ["k0", "k1"]
    assert batch.features.dtype == np.float32
    np.testing.assert_array_equal(batch.features, np.array([[1, 2.5, 3], [4, 5, -0.6]], dtype=np.float32))
    assert batch.given_labels is not None
    assert batch.verification_labels is not None
    assert batch.given_labels.tolist() == [0, 1]
    assert batch.verification_labels.tolist() == [1, 0]
    assert batch.lines.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("content", "verified"),
    [("k0\thttp://a/b?c=1,2\tb\t1\t1,2\n", True), ("k0\thttp://a\tb\t1,2\n", False), ("k0\tb\t1,2", False)],
    ids=["verified with url", "all with url", "all without, no final line end"],
)
def test_url_column_is_found_by_the_number_of_columns(tsv: Path, content: str, verified: bool) -> None:
    (batch,) = read(tsv, content, verified=verified)
    assert (batch.keys, batch.features.tolist()) == (["k0"], [[1.0, 2.0]])
    assert batch.given_labels is not None
    assert batch.given_labels.tolist() == [1]


def test_byte_order_mark_and_windows_line_ends(tsv: Path) -> None:
    (batch,) = read(tsv, b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert batch.keys == ["k0", "k1"]
    (batch,) = read(tsv, b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode() + b"broken\r\n", skipping())
    assert batch.keys == ["k0", "k1"]


def test_a_lone_carriage_return_ends_no_line(tsv: Path) -> None:
    bad = skipping()
    (batch,) = read(tsv, GOOD + "a\tb\t1\t1,2,3\rb\tb\t1\t4,5,6\n", bad)
    assert batch.keys == ["k0", "k1"]
    assert [(row.line, row.kind) for row in bad.rows] == [(3, "wrong number of columns")]


@pytest.mark.parametrize("careful", [False, True])
def test_rows_of_label_minus_one_are_left_out_and_counted(tsv: Path, careful: bool) -> None:
    bad = skipping()
    (batch,) = read(tsv, "a\tb\t-1\t1,2\n" + "b\tb\t1\t3,4\n" + ("junk\n" if careful else ""), bad)
    assert batch.keys == ["b"]
    assert batch.lines.tolist() == [2]
    assert bad.left_out == {"verification label -1": 1}
    assert "1 rows left out: verification label -1" in bad.summary()


BAD_LINES = {
    "blank line": ("", "blank line"),
    "spaces": ("  ", "blank line"),
    "utf8": (b"k\xff\tb\t1\t1,2,3", "invalid UTF-8: byte 2 of the line; save the file as UTF-8"),
    "columns": (
        "k\tb\t1,2,3",
        "wrong number of columns: expected 4 (key, class_name, verification_label, features) separated by tabs, got 3",
    ),
    "empty key": ("\tb\t1\t1,2,3", "empty key"),
    "class": ("k\tz\t1\t1,2,3", "unknown class: 'z' is none of the 3 classes"),
    "label": ("k\tb\t2\t1,2,3", "bad verification label: expected 1, 0 or -1, got '2'"),
    "short": ("k\tb\t1\t1,2", "wrong number of features: expected 3, got 2"),
    "long": ("k\tb\t1\t1,2,3,4", "wrong number of features: expected 3, got 4"),
    "none": ("k\tb\t1\t", "wrong number of features: expected 3, got 1"),
    "junk": ("k\tb\t1\t1,two,3", "junk number: feature 2 is 'two'"),
    "empty number": ("k\tb\t1\t1,,3", "junk number: feature 2 is ''"),
    "underscore": ("k\tb\t1\t1,1_0,3", "junk number: feature 2 is '1_0'"),
    "nan": ("k\tb\t1\t1,nan,3", "NaN or infinite feature: feature 2 is 'nan'"),
    "inf": ("k\tb\t1\t1,2,-inf", "NaN or infinite feature: feature 3 is '-inf'"),
    "huge": ("k\tb\t1\t1,1e300,3", "NaN or infinite feature: feature 2 is '1e300', too large for float32"),
    "duplicate": ("k1\tb\t1\t1,2,3", "duplicate key: 'k1' is on line 2 too"),
}


@pytest.mark.parametrize(("line", "message"), BAD_LINES.values(), ids=BAD_LINES)
def test_bad_row_is_named_with_path_line_and_reason(tsv: Path, line: str | bytes, message: str) -> None:
    raw = line.encode() if isinstance(line, str) else line
    content = GOOD.encode() + raw + b"\nk9\tc\t1\t7,8,9\n"
    bad = skipping()
    (batch,) = read(tsv, content, bad)
    assert [str(row) for row in bad.rows] == [f"{tsv}:3: {message}"]
    assert (batch.keys, batch.lines.tolist()) == (["k0", "k1", "k9"], [1, 2, 4])
    assert (bad.num_read, bad.num_bad) == (4, 1)
    with pytest.raises(TooManyBadRowsError) as caught:
        read(tsv, content)
    assert str(caught.value) == f"{tsv}:3: {message} (--on-error skip goes on without such rows)"


def test_num_features_can_be_demanded(tsv: Path) -> None:
    tsv.write_text(GOOD, encoding="utf-8")
    with pytest.raises(TooManyBadRowsError, match=r"x\.tsv:1: wrong number of features: expected 5, got 3"):
        list(read_reference_tsv(tsv, NAMES, BadRows(), verified=True, num_features=5))


@pytest.mark.parametrize("block_bytes", [1, 7, 40, 1 << 20])
def test_lines_and_duplicates_across_blocks(tsv: Path, block_bytes: int) -> None:
    lines = [f"k{i}\tb\t{i % 2}\t{i},{i / 7},3" for i in range(30)]
    lines[12] = "nonsense"
    lines[20] = lines[3]
    tsv.write_text("\n".join(lines), encoding="utf-8")
    bad = skipping()
    with patch.object(module, "iter_blocks", partial(iter_blocks, block_bytes=block_bytes)):
        batches = list(read_reference_tsv(tsv, NAMES, bad, verified=True, batch_size=4))
    assert [(row.line, row.kind) for row in bad.rows] == [(13, "wrong number of columns"), (21, "duplicate key")]
    assert [line for b in batches for line in b.lines] == [i + 1 for i in range(30) if i not in (12, 20)]
    assert max(len(b) for b in batches) <= 4
    got = np.concatenate([b.features for b in batches])
    np.testing.assert_array_equal(
        got[:, 1], np.array([i / 7 for i in range(30) if i not in (12, 20)], dtype=np.float32)
    )


@pytest.mark.parametrize("bad_line", [0, 1, 499, 500, 777, 999])
def test_one_bad_row_among_many_costs_only_its_neighbours_the_slow_path(tsv: Path, bad_line: int) -> None:
    lines = [f"k{i}\tb\t{i % 2}\t{i},2" for i in range(1000)]
    lines[bad_line] = "k\tb\t1\t1,x"
    bad, slow = skipping(), []

    def counting(raw: bytes, *rest: Any) -> Any:
        slow.append(raw)
        return parse_line(raw, *rest)

    with patch.object(module, "parse_line", counting):
        batches = read(tsv, "\n".join(lines), bad)
    assert [str(row) for row in bad.rows] == [f"{tsv}:{bad_line + 1}: junk number: feature 2 is 'x'"]
    assert len(slow) <= 16
    assert [line - 1 for b in batches for line in b.lines] == [i for i in range(1000) if i != bad_line]
    assert [value for b in batches for value in b.features[:, 0]] == [i for i in range(1000) if i != bad_line]


def test_a_file_of_bad_rows_only_gives_nothing_and_passes_the_limit(tsv: Path) -> None:
    assert read(tsv, "x\ny\n", skipping()) == []
    limit = BadRows(on_error="skip", max_bad=0.01, grace=2)
    with pytest.raises(TooManyBadRowsError, match=r"commonest reason is 'wrong number of columns'"):
        read(tsv, "x\ny\nz\n", limit)


def test_unusable_arguments(tsv: Path) -> None:
    with pytest.raises(DataFileError, match=r"x\.tsv: does not exist"):
        list(read_reference_tsv(tsv, NAMES, BadRows(), verified=True))
    with pytest.raises(DataFileError, match=r"x\.tsv: is empty"):
        read(tsv, "")
    with pytest.raises(InvalidInputError, match=r"`batch_size` must be at least 1, got 0"):
        list(read_reference_tsv(tsv, NAMES, BadRows(), verified=True, batch_size=0))


TOKENS = st.one_of(
    st.floats(width=64).map(repr),
    st.text(alphabet="0123456789.eE+-naifxNIA_ \u0660", max_size=8),
    st.sampled_from(["", "null", "NA", "NaN", "1e400", "-0", "0x10", "1.", ".5", "+1", "1e-400", "infinity", "1d"]),
)


@settings(max_examples=300, deadline=None)
@given(rows=st.lists(st.lists(TOKENS, min_size=2, max_size=2), min_size=1, max_size=3))
def test_the_fast_path_takes_nothing_that_the_careful_one_refuses(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]]
) -> None:
    path = tmp_path_factory.mktemp("t") / "x.tsv"
    path.write_text("".join(f"k{i}\tb\t{','.join(row)}\n" for i, row in enumerate(rows)), encoding="utf-8")

    def outcome() -> tuple[list[str], list[list[float]], list[str]]:
        bad = skipping()
        batches = list(read_reference_tsv(path, NAMES, bad, verified=False, dtype="float64", num_features=2))
        keys = [key for b in batches for key in b.keys]
        return keys, [row.tolist() for b in batches for row in b.features], [str(row) for row in bad.rows]

    fast = outcome()
    with patch.object(module._Reader, "_parse_columns", lambda _self, _block: None):
        assert fast == outcome()
