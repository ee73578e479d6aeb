"""What the marts' work is measured against: reading their input once, and one aggregate over it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.measure import timed
from lakehouse.engines.choice import DUCKDB

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from lakehouse.engine.lake import Lake

TABLE = "silver.interactions"
COLUMNS = (
    *("interaction_id", "user_id", "event_at", "event_date", "page_id", "duration_ms"),
    *("app_version", "country", "device_type", "subscription_type"),
)
"""What the marts of W3, W4 and W5 read of it, together."""


def references(lake: Lake) -> dict[str, float]:
    """Seconds of a scan of the published version, and of counting its rows by user.

    Each runs twice and the second counts: the first compiles it.
    """
    state = lake.states.published(TABLE)
    store = lake.host.engine(TABLE).store
    rows = store.read(lake.settings.table_uri(TABLE), state.version if state else None)
    drain = _drained_by_duckdb if lake.settings.engine == DUCKDB else _drained_by_spark
    queries = {"scan": rows.select(*COLUMNS), "aggregate": rows.groupBy("user_id").count()}
    for query in queries.values():
        drain(query)
    return {name: timed(lambda q=query: drain(q))[0] for name, query in queries.items()}  # type: ignore[misc]  # the default binds


def _drained_by_spark(rows: DataFrame) -> None:
    """Compute every row and keep none."""
    rows.write.format("noop").mode("overwrite").save()


def _drained_by_duckdb(rows: Any) -> None:  # noqa: ANN401  # a frame of SQLFrame's
    """The same: Arrow's batches come as they are computed."""
    from lakehouse.engines.duckdb.frames import sql_of  # noqa: PLC0415  # only on DuckDB

    connection = rows.session._conn  # noqa: SLF001  # it has no other name
    for _ in connection.sql(sql_of(rows)).to_arrow_reader():
        pass
