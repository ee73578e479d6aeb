"""One more day for a lake that has a history, table by table.

    python -m benchmarks.ours.day WARM_UP_FILE FILE --engine spark --raw RAW --home HOME

Makes the tables of what has landed, lands the first file and runs, lands the second and measures:
by then the engine has done the same work once. One table after the other, as only then the
processor's time is known to be a table's.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from benchmarks.ours.runs import run
from benchmarks.ours.settings import ENGINES, settings_of
from benchmarks.workloads import EVERYTHING
from lakehouse.catalog.registry import registry
from lakehouse.engine.lake import Lake


def main() -> None:
    """Run, and print seconds by table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("warm_up", type=Path)
    parser.add_argument("day", type=Path)
    parser.add_argument("--engine", choices=ENGINES, required=True)
    parser.add_argument("--raw", type=Path, required=True)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--memory", default="3g")
    given = parser.parse_args()
    settings = settings_of(
        given.engine,
        given.memory,
        given.home,
        given.raw,
        # A small lake's JVM compiles less: here every history has the same.
        spark_conf="spark.driver.extraJavaOptions=-XX:TieredStopAtLevel=4",
    )
    with Lake(settings, registry()) as lake:
        load = run(lake, EVERYTHING)
        os.link(given.warm_up, given.raw / "user_interactions" / given.warm_up.name)
        run(lake, EVERYTHING)
        os.link(given.day, given.raw / "user_interactions" / given.day.name)
        day = {table: run(lake, [table]) for table in EVERYTHING}
    sys.stdout.write(json.dumps({"load": load, "day": day}) + "\n")


if __name__ == "__main__":
    main()
