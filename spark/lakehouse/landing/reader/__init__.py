"""Landing files → typed rows with their identity, and the reasons to reject the others.

numpy finds where records end, Arrow takes them apart, DuckDB judges them, in bounded chunks: the
same code for every engine, called directly or in the tasks of a cluster. Knows formats and what a
source declares; never a table, and nothing of what was consumed before.
"""

from lakehouse.landing.reader.inspection import inspect
from lakehouse.landing.reader.records import (
    Part,
    parts_of,
    read,
    rejudge,
    schema,
    shared,
    types,
)

__all__ = [
    "Part",
    "inspect",
    "parts_of",
    "read",
    "rejudge",
    "schema",
    "shared",
    "types",
]
