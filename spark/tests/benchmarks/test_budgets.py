"""What a run may cost the engine, counted: figures that no other load of the machine changes.

The growth domain on a few rows: a first run, a second delivery of a few rows more, and a run with
nothing new. Counted from the event log of each run and from Delta's logs, on the tests' engine (no
adaptive execution, two shuffle partitions), one table after the other: production's engine splits
the same work into other numbers of jobs, which grow and shrink with these.

When a budget is exceeded the failure tells jobs and bytes by table: look what grew. If a run does
more on purpose (a table, a check, a stage), raise the budget in the same commit and say in its
message what the jobs are for. When a figure falls, lower the budget to it: what was gained is kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from engine_log import logged

from conftest import conversion, event, release, signup
from lakehouse.observability.event_files import find_log
from lakehouse.observability.eventlog import read_event_log

pytestmark = [pytest.mark.spark, pytest.mark.jvm, pytest.mark.e2e]
TABLES = (
    *("bronze.conversions", "bronze.feature_releases", "bronze.feature_usage_events"),
    *("bronze.user_signups", "silver.feature_states", "silver.feature_usage_facts"),
    *("silver.user_dim", "gold.feature_conversion_impact", "gold.feature_conversion_lift"),
)


@dataclass(frozen=True)
class Budget:
    """What a run may cost.

    Attributes:
        jobs: Spark jobs of all tables; exact when it was set.
        shuffled_bytes: Written for other stages; a tenth more than when it was set, as run ids and
            moments compress a little differently each time.
        commits: Delta commits to each table.
    """

    jobs: int
    shuffled_bytes: int
    commits: int


# A table's first run makes it (one commit) and fills it (another). A later run also finds out which
# rows the news is about, so it has more jobs than the first, on a table of any size.
# Of the first run's jobs two a table are Delta's, which reads the log of what delta-rs made.
FIRST = Budget(jobs=66, shuffled_bytes=53_700, commits=2)
NEXT = Budget(jobs=74, shuffled_bytes=18_300, commits=1)
NOTHING_NEW = Budget(jobs=0, shuffled_bytes=0, commits=0)


def land(lake, delivery, users):
    """A file for every source; the state of one feature changes, another one is new."""
    releases = [
        release("search", "2026-01-01", f"1.{delivery}"),
        release(f"f{delivery}", "2026-01-02"),
    ]
    used = [event(f"e-{user}", user, "search", "2026-01-10T10:00:00Z") for user in users]
    converted = [conversion(user, "2026-01-20") for user in users[:2]]
    lake.land(f"feature_releases/{delivery}.jsonl", releases)
    lake.land(f"user_signups/{delivery}.jsonl", [signup(user) for user in users])
    lake.land(f"feature_usage_events/{delivery}.jsonl", used)
    lake.land(f"conversions/{delivery}.jsonl", converted)


def check(lake, folder, budget):
    """Run, and hold what was counted against the budget."""
    before = {table: lake.commits(table) for table in TABLES}
    with logged(lake.spark, folder):
        lake.run(*TABLES)
    log, _ = find_log(folder)
    run = read_event_log(log)
    by_table = {p.name: (p.jobs, p.load.shuffle_written_bytes) for p in run.tables}
    commits = {table: lake.commits(table) - before[table] for table in TABLES}
    assert commits == dict.fromkeys(TABLES, budget.commits)
    assert run.whole.jobs <= budget.jobs, by_table
    assert run.whole.load.shuffle_written_bytes <= budget.shuffled_bytes, by_table


def test_runs_keep_to_their_budgets(make_lake, tmp_path):
    lake = make_lake(parallelism=1)
    land(lake, 1, [f"u{n}" for n in range(40)])
    check(lake, tmp_path / "first", FIRST)
    land(lake, 2, ["v1", "v2", "v3"])
    check(lake, tmp_path / "next", NEXT)
    check(lake, tmp_path / "nothing new", NOTHING_NEW)
