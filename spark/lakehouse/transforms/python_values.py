"""Values of a column → what a Python function makes of each.

For what no function of the engines knows: parsers of user agents, networks, registered domains. A
value is asked for once a batch; the function should keep what it found (`lru_cache`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import functions as F

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pyspark.sql import Column

_KINDS = {
    "string": pa.string(),
    "boolean": pa.bool_(),
    "double": pa.float64(),
    "bigint": pa.int64(),
}


def each_value(
    function: Callable[[str | None], object],
    column: str,
    returns: Mapping[str, str] | str,
    *,
    many: bool = False,
) -> Column:
    """What a pure function makes of each text of a column, null included.

    Args:
        function: A text → a value, or a dictionary with the declared fields.
        column: Column of texts.
        returns: Type of the value, `string` or `boolean`; or its fields, name → type.
        many: The function makes a list of such values.
    """
    kind, written = _arrow(returns), _written(returns)
    if many:
        kind, written = pa.list_(kind), f"array<{written}>"

    def applied(values: pa.Array) -> pa.Array:
        encoded = values.dictionary_encode(null_encoding="encode")
        found = [function(value) for value in encoded.dictionary.to_pylist()]
        return pc.array_take(pa.array(found, kind), encoded.indices)

    made: Column = F.arrow_udf(applied, written)(column)  # type: ignore[attr-defined]  # its stub lacks it
    return made


def _arrow(returns: Mapping[str, str] | str) -> pa.DataType:
    if isinstance(returns, str):
        return _KINDS[returns]
    return pa.struct([(name, _KINDS[kind]) for name, kind in returns.items()])


def _written(returns: Mapping[str, str] | str) -> str:
    if isinstance(returns, str):
        return returns
    return f"struct<{', '.join(f'{name}: {kind}' for name, kind in returns.items())}>"
