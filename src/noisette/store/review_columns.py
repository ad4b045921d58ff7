"""What stands in the whole store, as columns: for who needs all of it at once, without a Python object a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, Executable, Integer, cast, select

from noisette.store.review_models import DecisionRow, StandingRow
from noisette.store.review_reads import FIRST_DRAWS
from noisette.store.review_records import ResolvedLabels
from noisette.types import RANDOM_QUEUES, UNVERIFIED, BoolArray, Float64Array, IntArray

_Labels = npt.NDArray[np.signedinteger]
_ROWS_AT_ONCE = 1000
_INT, _TEXT = pa.int64(), pa.large_string()


@dataclass(frozen=True, eq=False)
class StandingColumns:
    """What stands for M samples that somebody decided on, each (split, key) once, in no order.

    Attributes:
        splits, keys: (M,) Arrow text.
        ids: (M,) number of the decision that stands.
        given_labels, verification_labels, correct_labels: (M,) what it says.
    """

    splits: pa.Array
    keys: pa.Array
    ids: IntArray
    given_labels: IntArray
    verification_labels: IntArray
    correct_labels: IntArray


@dataclass(frozen=True, eq=False)
class DrawColumns:
    """How M samples came to be looked at, each (split, key, given label) once, in no order; see `ReviewStore.draws`.

    Attributes:
        splits, keys: (M,) Arrow text.
        given_labels: (M,) class ids.
        inclusion_probabilities: (M,) in (0, 1].
        is_random: (M,) True where the queue draws at random from all samples.
    """

    splits: pa.Array
    keys: pa.Array
    given_labels: IntArray
    inclusion_probabilities: Float64Array
    is_random: BoolArray


def standing_columns(connection: Connection) -> StandingColumns:
    """Read what stands, in one statement."""
    d, s = DecisionRow, StandingRow
    columns = s.split, s.key, d.id, d.given_label, d.verification_label, d.correct_label
    query = select(*columns).join(s, d.id == s.decision_id)
    splits, keys, *numbers = _read(connection, query, (_TEXT, _TEXT, _INT, _INT, _INT, _INT))
    return StandingColumns(splits, keys, *(column.to_numpy() for column in numbers))


def draw_columns(connection: Connection) -> DrawColumns:
    """Read how samples were drawn: the first decision on each that says with what chance."""
    row = DecisionRow
    is_random = cast(row.queue.in_(sorted(RANDOM_QUEUES)), Integer)  # SQLite knows no truth values
    columns = row.split, row.key, row.given_label, row.inclusion_probability, is_random
    query = select(*columns).where(row.id.in_(FIRST_DRAWS))
    splits, keys, *numbers = _read(connection, query, (_TEXT, _TEXT, _INT, pa.float64(), _INT))
    given, chance, random = (column.to_numpy() for column in numbers)
    return DrawColumns(splits, keys, given, chance, random.astype(np.bool_))


def places_in(
    table: StandingColumns | DrawColumns,
    splits: Sequence[str] | pa.Array,
    keys: Sequence[str] | pa.Array,
    given_labels: _Labels | None = None,
) -> IntArray:
    """Give (N,) the row of the table that is about each (split, key), with that given label where one is asked for.

    -1 where there is none. Takes time by N and the length of the table, and no Python objects.
    """
    known = pc.unique(table.splits)
    wanted = _names(known, splits, keys, given_labels)
    names = _names(known, table.splits, table.keys, None if given_labels is None else table.given_labels)
    found = pc.fill_null(pc.index_in(wanted, value_set=names), -1)
    return np.asarray(found.to_numpy(), dtype=np.int64)


def resolve_labels(
    standing: StandingColumns,
    draws: DrawColumns,
    splits: Sequence[str] | pa.Array,
    keys: Sequence[str] | pa.Array,
    given_labels: IntArray,
) -> ResolvedLabels:
    """Give the labels that stand for N samples, aligned to them."""
    found = ResolvedLabels.none_of(len(keys))
    places = places_in(standing, splits, keys)
    rows = np.flatnonzero(places >= 0)
    found.changed[rows] = standing.given_labels[places[rows]] != given_labels[rows]
    rows = rows[~found.changed[rows]]
    places = places[rows]
    found.verification_labels[rows] = standing.verification_labels[places]
    found.correct_labels[rows] = standing.correct_labels[places]
    found.is_unsure[rows] = found.verification_labels[rows] == UNVERIFIED
    rows = np.flatnonzero(found.verification_labels != UNVERIFIED)
    places = places_in(draws, splits, keys, given_labels)[rows]
    rows, places = rows[places >= 0], places[places >= 0]
    found.inclusion_probabilities[rows] = draws.inclusion_probabilities[places]
    found.is_audit[rows] = draws.is_random[places]
    return found


def _read(connection: Connection, query: Executable, types: Sequence[pa.DataType]) -> list[pa.Array]:
    """Give the columns of a result; Python objects are made of a thousand rows at a time, and dropped."""
    result = connection.execute(query)
    chunks: list[list[pa.Array]] = [[] for _ in types]
    # The driver's own tuples: these columns need no conversion, and SQLAlchemy's rows would double the time.
    while rows := result.cursor.fetchmany(_ROWS_AT_ONCE):
        for column, values, kind in zip(chunks, zip(*rows, strict=True), types, strict=True):
            column.append(pa.array(values, kind))
    result.close()
    return [pa.chunked_array(column, kind).combine_chunks() for column, kind in zip(chunks, types, strict=True)]


def _names(
    known: pa.Array, splits: Sequence[str] | pa.Array, keys: Sequence[str] | pa.Array, given_labels: _Labels | None
) -> pa.Array:
    """Give a text for each sample that no other one has: numbers of split and label, then the key as it is."""
    codes = pc.fill_null(pc.index_in(_text(splits), value_set=known), -1)
    numbers = [codes] if given_labels is None else [codes, pa.array(given_labels)]
    return pc.binary_join_element_wise(*(one.cast(_TEXT) for one in numbers), _text(keys), pa.scalar(":", _TEXT))


def _text(values: Sequence[str] | pa.Array) -> pa.Array:
    if isinstance(values, pa.Array):
        return values.cast(_TEXT)
    return pa.array(values, _TEXT)
