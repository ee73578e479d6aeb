"""The web domain from its landing files, and then the next day's.

    python -m benchmarks.ours.web FILE --engine duckdb --raw RAW --home HOME

One table after the other, as only then the processor's time is known to be a table's; the file of
the next day lands when all are made.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from benchmarks.ours.runs import run
from benchmarks.ours.settings import ENGINES, settings_of
from lakehouse.catalog.registry import registry
from lakehouse.engine import plan
from lakehouse.engine.job import new_request
from lakehouse.engine.lake import Lake

DOMAIN = "web"


def main() -> None:
    """Run, and print seconds by table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("day", type=Path)
    parser.add_argument("--engine", choices=ENGINES, required=True)
    parser.add_argument("--raw", type=Path, required=True)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--memory", default="3g")
    given = parser.parse_args()
    settings = settings_of(given.engine, given.memory, given.home, given.raw)
    told: dict[str, Any] = {}
    with Lake(settings, registry()) as lake:
        tables = lake.due(plan.select(registry(), of_domain()))
        lake.host.start()
        told["full"] = {table: run(lake, [table]) for table in tables}
        told["unchanged"] = run(lake, tables)
        os.link(given.day, given.raw / "web_events" / given.day.name)
        told["day"] = {table: run(lake, [table]) for table in tables}
        told["rows"] = {table: _rows(lake, table) for table in tables}
    sys.stdout.write(json.dumps(told) + "\n")


def of_domain() -> list[str]:
    """Tables of the domain."""
    return [entry.table.name for entry in registry() if entry.table.domain == DOMAIN]


def _rows(lake: Lake, table: str) -> int:
    state = lake.job(table, new_request()).published
    return state.rows if state else 0


if __name__ == "__main__":
    main()
