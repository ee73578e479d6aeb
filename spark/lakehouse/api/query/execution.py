"""Runs a guarded query where it could do no harm even if the guard were wrong.

On PostgreSQL: as a role that can read marts and do nothing else, in a read-only transaction that is
rolled back. On the lake: in a DuckDB of its own that knows the marts and nothing else, and can open
no file. On both the time-out is a clock of this process: no SQL can set it aside. Rows and bytes
are counted as they arrive, so what is too much is never fetched.
"""

from __future__ import annotations

from lakehouse.api.query.answer import Answer, Limits, QueryFailedError, QueryTimeoutError
from lakehouse.api.query.lake import run_on_lake
from lakehouse.api.query.postgres import run_on_postgres

__all__ = [
    "Answer",
    "Limits",
    "QueryFailedError",
    "QueryTimeoutError",
    "run_on_lake",
    "run_on_postgres",
]
