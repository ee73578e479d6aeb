"""A served toy table whose versions are written without an engine, and a way to publish it.

`python -m serving.toys ROOT URL` publishes it in a process of its own, for tests that kill it.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import date

import pyarrow as pa
from deltalake import write_deltalake

from lakehouse.catalog.registry import Entry, Registry
from lakehouse.io import delta_log
from lakehouse.io.state import State, StateStore
from lakehouse.serving.publish import Publication, publish
from lakehouse.settings import Settings, load_settings
from lakehouse.spec import (
    BOOLEAN,
    DATE,
    DOUBLE,
    LONG,
    STRING,
    TIMESTAMP,
    Append,
    Column,
    Field,
    Overwrite,
    Serve,
    Source,
    Table,
    decimal,
    not_empty,
)

SOURCE = Table(
    name="bronze.toys",
    owner="tests",
    domain="tests",
    inputs=(Source(name="toys", doc="Toys.", fields=(Field("id"),)),),
    columns=(Column("id", STRING, "Key."),),
    write=Append(),
    ensures=(not_empty(),),
)
TOYS = Table(
    name="gold.toys",
    owner="tests",
    domain="tests",
    inputs=(SOURCE,),
    columns=(
        Column("day", DATE, "The toy's day.", nullable=False),
        Column("kind", STRING, "What it is; null = all."),
        Column("n", LONG, "How many.", nullable=False),
        Column("price", decimal(10, 2), "In euros."),
        Column("share_rate", DOUBLE, "Share."),
        Column("is_complete", BOOLEAN, "Whether the day is over."),
        Column("seen_at", TIMESTAMP, "When."),
    ),
    write=Overwrite(keys=("day", "kind")),
    ensures=(not_empty(),),
    serve=Serve(indexes=(("kind", "day"),), by_year_of="day"),
)
SCHEMA = pa.schema(
    [
        pa.field("day", pa.date32(), nullable=False),
        ("kind", pa.string()),
        pa.field("n", pa.int64(), nullable=False),
        ("price", pa.decimal128(10, 2)),
        ("share_rate", pa.float64()),
        ("is_complete", pa.bool_()),
        ("seen_at", pa.timestamp("us", tz="UTC")),
    ]
)


def toy(day: str, kind: str | None, n: int, **more: object) -> dict[str, object]:
    """A row."""
    rest = dict.fromkeys(("price", "share_rate", "is_complete", "seen_at"))
    return {"day": date.fromisoformat(day), "kind": kind, "n": n, **rest, **more}


@dataclass
class ToyLake:
    """A lake of one table, whose versions a test writes itself."""

    settings: Settings
    table: Table = TOYS

    @property
    def registry(self) -> Registry:
        """The toy, and nothing upstream of it that would have to run."""
        entry = Entry(self.table, lambda landed, _run: landed, "Toys, by day and kind.", "code")
        return Registry({self.table.name: entry})

    def audit(self, rows: list[dict[str, object]], *, counted: int | None = None) -> int:
        """Commit rows as the whole table and publish that version in the lake; returns it."""
        uri = self.settings.table_uri(self.table.name)
        write_deltalake(uri, pa.Table.from_pylist(rows, schema=SCHEMA), mode="overwrite")
        states = StateStore(self.settings)
        before = states.published(self.table.name)
        version = before.version + 1 if before else 0
        state = State(
            table=self.table.name,
            version=version,
            table_id=delta_log.table_id(uri, version),
            head=version,
            run_id="r",
            token=0,
            rows=len(rows) if counted is None else counted,
        )
        states.publish(state)
        return version

    def publish(self, url: str, *, rebuild: bool = False) -> Publication:
        """Publish it to the database."""
        names = [self.table.name]
        [done] = publish(self.settings, self.registry, names, url, rebuild=rebuild)
        return done


if __name__ == "__main__":
    ToyLake(load_settings(root=sys.argv[1])).publish(sys.argv[2])
