"""All decisions of one store into another, empty one: for people who outgrow the file in their workspace."""

from __future__ import annotations

from sqlalchemy import func, insert, select, text
from sqlalchemy.orm import Session

from noisette.store.review_models import DecisionRow
from noisette.store.review_standing import rebuild_standing

_PAGE = 1000


def copy_decisions(source: Session, target: Session) -> int:
    """Append every row of `source`, undoings too, to `target`, unless that holds some already; give their number.

    Numbers and identities are kept, so a file that was imported there, or a token that was used there, is known here.
    The caller's transaction on `target` holds the write lock: all of them are there at its end, or none.
    """
    if target.scalar(select(func.max(DecisionRow.id))) is not None:
        return 0
    copied, last = 0, 0
    while True:
        page = select(DecisionRow.__table__).where(DecisionRow.id > last).order_by(DecisionRow.id).limit(_PAGE)
        rows = [dict(row._mapping) for row in source.execute(page)]
        if not rows:
            break
        target.execute(insert(DecisionRow), rows)
        copied, last = copied + len(rows), int(rows[-1]["id"])
    connection = target.connection()
    if copied and connection.dialect.name == "postgresql":
        # SQLite counts on from the highest number by itself.
        connection.execute(text("SELECT setval(pg_get_serial_sequence('decisions', 'id'), :last)"), {"last": last})
    rebuild_standing(connection)
    return copied
