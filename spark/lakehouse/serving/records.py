"""What the lake keeps of its streams and alerts, for readers of SQL: copies of tables of `ops`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from lakehouse.io import ops, postgres
from lakehouse.io.postgres import execute
from lakehouse.io.sql import quoted
from lakehouse.serving.ops_tables import OPS

if TYPE_CHECKING:
    from lakehouse.io.postgres import Connection
    from lakehouse.serving.ops_tables import OpsTable
    from lakehouse.settings import Settings

_BEGIN = datetime(1970, 1, 1, tzinfo=UTC)


def publish_records(opened: Connection, settings: Settings) -> None:
    """Bring the copies up to date: what is new is added, what is too old goes."""
    for name, table in OPS.items():
        if table.changed_by:
            _publish(opened, settings, name, table)


def _publish(opened: Connection, settings: Settings, name: str, table: OpsTable) -> None:
    kept, moment, oldest = name.removeprefix("ops."), quoted(table.changed_by), _BEGIN
    if table.kept_days:
        oldest = datetime.now(UTC) - timedelta(days=table.kept_days)
    with opened.transaction():
        execute(opened, f"DELETE FROM {name} WHERE {moment} < %s", oldest)
        ((newest,),) = execute(opened, f"SELECT max({moment}) FROM {name}")
        since = newest or oldest
        columns = ", ".join(quoted(each.name) for each in table.columns)
        found = ops.read(
            settings,
            kept,
            f"SELECT {columns} FROM t WHERE {moment} >= "
            f"TIMESTAMP '{since.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}'",
        )
        if not found:
            return
        # Those of the newest moment come again: others of it may have been added since.
        execute(opened, f"DELETE FROM {name} WHERE {moment} >= %s", since)
        rows = [{key: _storable(value) for key, value in row.items()} for row in found]
        schema = pa.schema([ops.SCHEMAS[kept].field(each.name) for each in table.columns])
        postgres.copy(opened, name, pa.Table.from_pylist(rows, schema=schema))


def _storable(value: Any) -> Any:  # noqa: ANN401  # of any column
    """A value as the database takes it: no text of its holds U+0000."""
    return value.replace("\0", "\N{REPLACEMENT CHARACTER}") if isinstance(value, str) else value
