"""Random rows for the inputs of a derived table, and what its transform makes of them.

As a program, `random_rows.py SEED` prints the rows of every derived table on DuckDB, pickled.
"""

from __future__ import annotations

import pickle
import random
import sys
from datetime import date, datetime, timedelta
from decimal import Decimal
from importlib import import_module
from typing import Any

import chosen_engine  # noqa: F401  # before PySpark
from tables.mirror import rows

from lakehouse.catalog.registry import registry
from lakehouse.engines.duckdb.activation import activate

TEXTS = ("a", "b", "B", "ä", "", "ab", 'q"\\', "\x01\x1b\n\t", "z", "ß€", "unknown", "\u2028/")
IDS = ("u1", "u2", "u3", "U3", "ü", "u10")
FEATURES = ("f1", "f2", "f3")
VERSIONS = ("1", "1.2", "1.10", "1.1e3", "1.x", "x", "", "1.", "1.0x1F", "2.1_0", "1.2.3", "01.2")
AS_OF = date(2026, 3, 20)
FIRST = datetime(2026, 1, 1)  # noqa: DTZ001  # the session's are naive, in UTC
MANY = tuple(f"i{n}" for n in range(90))
NAMES = {
    "interaction_id": (*MANY, None),
    "first_interaction_id": MANY,
    "event_id": MANY,
    "_row_id": MANY,
    "user_id": (*IDS, *MANY[:9]),
    "feature_id": FEATURES,
    "first_feature_id": FEATURES,
    "version": VERSIONS,
    "dimension_name": (None, "country"),
    "company_size": ("1-10", None),
}


def derived_tables():
    """Modules of the silver and gold tables, by name."""
    return {
        entry.table.name: import_module(entry.transform.module)
        for entry in registry()
        if entry.table.source is None
    }


def inputs_of(module, seed: int) -> list[list[dict[str, Any]]]:
    """Rows for each input, the same for a seed: few values, so that there are ties and matches."""
    return [_input(table, random.Random(f"{seed} {table.name}")) for table in module.TABLE.upstream]


def found(spark, module, seed: int) -> list[dict[str, Any]]:
    """What the table makes of them."""
    return rows(spark, module, *inputs_of(module, seed), as_of=AS_OF)


def _input(table, chance: random.Random) -> list[dict[str, Any]]:
    made = [_row(table, chance) for _ in range(chance.choice((30, 120)))]
    if table.name == "gold.performance_metrics":
        made = [row | _measured(chance) for row in made * 8]
    if not getattr(table.write, "grain", ()):
        return made
    kept = made
    unique = [check.alike for check in table.ensures if check.alike and not check.samples]
    for names in (table.write.grain, *unique):
        kept = list({tuple(row[name] for name in names): row for row in kept}.values())
    return _intervals(kept, table, chance) if "effective_to" in kept[0] else kept


def _measured(chance: random.Random) -> dict[str, Any]:
    """A day of one of few series, slow now and then: long series, and days to tell."""
    slow = chance.choice((1, 1, 1, 1, 1.6, 3, 0.2))
    return {
        "metric_date": FIRST.date() + timedelta(days=chance.randrange(80)),
        "page_id": chance.choice((None, "home")),
        "app_version": None,
        "device_type": None,
        "n": chance.choice((29, 30, 500, 10**6)),
        "p50_ms": chance.choice((100.0, 101.5, 99.25)),
        "p95_ms": chance.choice((1000.0, 1033.3, 950.7)) * slow,
    }


def _intervals(rows, table, chance: random.Random):
    """One history per key: intervals that do not overlap, and at most the last is current."""
    key = table.write.keys[0]
    end = date(9999, 12, 31)
    made = []
    for value in sorted({row[key] for row in rows}):
        own = sorted((r for r in rows if r[key] == value), key=lambda r: r["effective_from"])
        for row, following in zip(own, [*own[1:], None], strict=True):
            is_moment = isinstance(row["effective_from"], datetime)
            open_end = datetime(9999, 12, 31) if is_moment else end  # noqa: DTZ001  # same
            until = following["effective_from"] if following else open_end
            made.append(row | {"effective_to": until, "is_current": following is None})
    chance.shuffle(made)
    return made


def _row(table, chance: random.Random) -> dict[str, Any]:
    row = {column.name: _value(column, chance) for column in table.stored_columns}
    if "event_date" in row:
        moment = next((row[n] for n in ("event_at", "timestamp", "event_timestamp") if n in row), 0)
        if moment:
            row["event_date"] = moment.date()
    for low, high in (("first_at", "last_at"), ("started_at", "ended_at")):
        if low in row and high in row:
            row[high] = row[low] + timedelta(microseconds=chance.randrange(4 * 10**9))
    if "active_weeks" in row:
        row["active_weeks"] |= 1
    return row


def _value(column, chance: random.Random) -> Any:  # noqa: C901, PLR0911  # one line per type
    if column.name in NAMES:
        return chance.choice(NAMES[column.name])
    if column.nullable and chance.random() < 0.25:
        return None
    if column.type == "string":
        return chance.choice(TEXTS)
    if column.type == "boolean":
        return chance.random() < 0.5
    if column.type in {"int", "bigint"}:
        return chance.choice((1, 2, 3, 7, 8, chance.randrange(1, 400), chance.randrange(1, 10**6)))
    if column.type == "double":
        return chance.choice((1.0, 0.5, chance.random() * 5000 + 1))
    if column.type == "date":
        if column.name in {"month_start", "first_used_date"}:
            return FIRST.date() + timedelta(days=chance.choice((0, 31, 59)))
        return FIRST.date() + timedelta(days=chance.randrange(90))
    if column.type == "timestamp":
        minutes = chance.choice((chance.randrange(90 * 24) * 60, chance.randrange(300)))
        return FIRST + timedelta(minutes=minutes, microseconds=chance.choice((0, 1, 999_999, 1500)))
    assert column.type.startswith("decimal")
    return Decimal(chance.randrange(10_000)) / 100


def main() -> None:
    spark, seed = activate(), int(sys.argv[1])
    made = {name: found(spark, module, seed) for name, module in derived_tables().items()}
    sys.stdout.buffer.write(pickle.dumps(made))


if __name__ == "__main__":
    main()
