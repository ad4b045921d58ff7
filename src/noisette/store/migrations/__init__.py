"""The steps that lead from each version of the review database to the next, read by Alembic; none is ever changed."""
