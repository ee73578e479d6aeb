"""Types of columns as Arrow has them."""

from __future__ import annotations

import pyarrow as pa

from lakehouse.spec import BOOLEAN, DATE, DOUBLE, INT, LONG, STRING, TIMESTAMP

_TYPES = {
    STRING: pa.string(),
    BOOLEAN: pa.bool_(),
    INT: pa.int32(),
    LONG: pa.int64(),
    DOUBLE: pa.float64(),
    DATE: pa.date32(),
    TIMESTAMP: pa.timestamp("us", tz="UTC"),
    "binary": pa.binary(),
}


def arrow_type(name: str) -> pa.DataType:
    """The Arrow type of a declared type."""
    if name.startswith("array<"):
        return pa.list_(arrow_type(name[6:-1]))
    if name.startswith("decimal"):
        precision, scale = name.removeprefix("decimal(").removesuffix(")").split(",")
        return pa.decimal128(int(precision), int(scale))
    return _TYPES[name]
