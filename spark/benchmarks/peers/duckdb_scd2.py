"""W8 by DuckDB, which has no MERGE with history: all intervals anew from all files, each time.

python duckdb_scd2.py first.csv 1.csv … --home HOME
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

import duckdb_sql

SOURCE, HISTORY = "user_metadata", "silver.user_profiles"
COUNTED = f"""
SELECT count_if(effective_to = TIMESTAMP '9999-12-31'),
       count_if(effective_to < TIMESTAMP '9999-12-31') FROM {HISTORY}"""


def main() -> None:
    """Run, and print seconds by file, and the rows in the history after it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--memory", default="3GB")
    given = parser.parse_args()
    raw = given.home / "raw"
    (raw / SOURCE).mkdir(parents=True)
    told = {}
    for file in given.files:
        os.link(file, raw / SOURCE / file.name)
        db = duckdb_sql.connect(given)  # each time a job of its own
        lake = duckdb_sql.Lake(db, raw, given.home)
        began = time.perf_counter()
        lake.ingest(SOURCE)
        lake.make({HISTORY: duckdb_sql.ENRICH[HISTORY]})
        wall = round(time.perf_counter() - began, 3)
        [(current, closed)] = db.execute(COUNTED).fetchall()
        told[file.stem] = {"wall_s": wall, "current": current, "closed": closed}
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
