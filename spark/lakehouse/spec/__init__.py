"""The classes that tables are declared with. Plain Python: no Spark, no IO.

A table module imports everything it needs from here:

    from lakehouse.spec import STRING, Column, Overwrite, Table, unique
"""

from lakehouse.spec.checks import (
    Check,
    at_most_rejected,
    covers_history,
    fresh_within,
    in_range,
    no_overlap,
    none_ahead,
    not_empty,
    not_null,
    one_of,
    references,
    satisfies,
    unique,
)
from lakehouse.spec.columns import (
    BINARY,
    BOOLEAN,
    DATE,
    DOUBLE,
    INT,
    LONG,
    STRING,
    TIMESTAMP,
    Column,
    decimal,
)
from lakehouse.spec.policies import Policies, Policy
from lakehouse.spec.run import Run
from lakehouse.spec.serve import Serve
from lakehouse.spec.source import Contract, EventType, Field, RowRule, Source
from lakehouse.spec.table import Dedupe, Latest, LeftOut, Table, ValidAt
from lakehouse.spec.windows import Around, MonthAfter, Period, Trailing
from lakehouse.spec.writes import (
    Append,
    Overwrite,
    ReplaceSlices,
    Scd2,
    SliceOf,
    Upsert,
    Write,
)

__all__ = [
    "BINARY",
    "BOOLEAN",
    "DATE",
    "DOUBLE",
    "INT",
    "LONG",
    "STRING",
    "TIMESTAMP",
    "Append",
    "Around",
    "Check",
    "Column",
    "Contract",
    "Dedupe",
    "EventType",
    "Field",
    "Latest",
    "LeftOut",
    "MonthAfter",
    "Overwrite",
    "Period",
    "Policies",
    "Policy",
    "ReplaceSlices",
    "RowRule",
    "Run",
    "Scd2",
    "Serve",
    "SliceOf",
    "Source",
    "Table",
    "Trailing",
    "Upsert",
    "ValidAt",
    "Write",
    "at_most_rejected",
    "covers_history",
    "decimal",
    "fresh_within",
    "in_range",
    "no_overlap",
    "none_ahead",
    "not_empty",
    "not_null",
    "one_of",
    "references",
    "satisfies",
    "unique",
]
