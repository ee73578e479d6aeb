"""`python -m benchmarks.detection`: recall, delay and false alarms of the anomaly detectors.

Each seed makes a lake without any incident and one with the generator's incident. False alarms are
counted on the first, and on the second outside the incident; recall and delay on the incident, and
on faults that are put into the calm lake. On DuckDB, 2.5 CPU minutes a seed.
"""

from __future__ import annotations

import tempfile
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Annotated, Any, TypeVar
from unittest.mock import patch

import pyarrow as pa
import pyarrow.parquet as pq
import typer
from deltalake import DeltaTable
from rich.console import Console
from rich.table import Table as Grid

from lakehouse.catalog.registry import registry
from lakehouse.engine.job import new_request
from lakehouse.engine.lake import Lake
from lakehouse.engines.duckdb.activation import activate
from lakehouse.metrics import anomalies as metric
from lakehouse.settings import load_settings
from lakehouse.spec import Run
from lakehouse.synthetic import Arguments, generate

SESSION = activate()
# Tables import the functions of the engine that is active by then.
from lakehouse.tables.gold import (  # noqa: E402
    conversion_anomalies,
    performance_anomalies,
    usage_anomalies,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

Row = dict[str, Any]
T = TypeVar("T")
ByKind = dict[tuple[str, str], list[T]]
DETECTORS = (performance_anomalies, usage_anomalies, conversion_anomalies)
SERIES = {
    "gold.performance_anomalies": ("series_name", "series_value"),
    "gold.usage_anomalies": ("metric_name", "dimension_name", "dimension_value"),
    "gold.conversion_anomalies": ("metric_name", "dimension_name", "dimension_value"),
}
FAULT_DAYS = 2
FAULT_WEEKS = (2, 3)  # before the newest day
DAY = {"gold.daily_active_users": "activity_date", "bronze.conversions": "conversion_date"}


@dataclass(frozen=True)
class Fault:
    """A change of calm data, for two days.

    Attributes:
        name: In words.
        detector: Module of the table that should report it.
        source: The input that is changed.
        hits: Whether a row is changed.
        change: The row → what it becomes; None = it is missing.
        told: The series that should report it.
    """

    name: str
    detector: ModuleType
    source: str
    hits: Callable[[Row], bool]
    change: Callable[[Row], Row | None]
    told: tuple[str | None, ...]


def _scaled(factor: float, *names: str) -> Callable[[Row], Row]:
    return lambda row: row | {name: type(row[name])(row[name] * factor) for name in names}


def _is(dimension: str | None, value: str | None) -> Callable[[Row], bool]:
    return lambda row: (row["dimension_name"], row["dimension_value"]) == (dimension, value)


def _bounces(row: Row) -> Row:
    return row | {"bounce_rate": min(row["bounce_rate"] + 0.2, 1.0)}


USERS = "gold.daily_active_users"
DESKTOP = ("device_type", "desktop")
FAULTS = (
    *(
        Fault(
            f"{1 - factor:.0%} fewer users {of}",
            usage_anomalies,
            USERS,
            _is(*group),
            _scaled(factor, "dau"),
            ("dau", *group),
        )
        for of, group in (("overall", (None, None)), ("on desktop", DESKTOP))
        for factor in (0.7, 0.5)
    ),
    Fault(
        "no users on desktop",
        usage_anomalies,
        USERS,
        _is(*DESKTOP),
        lambda _: None,
        ("dau", *DESKTOP),
    ),
    Fault(
        "twice the interactions overall",
        usage_anomalies,
        USERS,
        _is(None, None),
        _scaled(2, "n_interactions"),
        ("n_interactions", None, None),
    ),
    Fault(
        "20 points more bounces on desktop",
        usage_anomalies,
        "gold.bounce_rates",
        _is(*DESKTOP),
        _bounces,
        ("bounce_rate", *DESKTOP),
    ),
    Fault(
        "no conversions",
        conversion_anomalies,
        "bronze.conversions",
        lambda _: True,
        lambda _: None,
        ("n_conversions", None, None),
    ),
)


@dataclass
class Tally:
    """What came out of all seeds.

    Attributes:
        judged: Days of series that a detector judged, per seed, by table and kind of data.
        alarms: Severities of findings where nothing was planted, per seed, by the same.
        delays: Days until a fault was reported, by fault; None when it was not.
    """

    judged: ByKind[int] = field(default_factory=lambda: defaultdict(list))
    alarms: ByKind[Counter[str]] = field(default_factory=lambda: defaultdict(list))
    delays: dict[str, list[int | None]] = field(default_factory=lambda: defaultdict(list))


class Calm:
    """A lake of one seed, and the detectors on what its tables hold or might have held."""

    def __init__(self, root: Path, arguments: Arguments) -> None:
        """Generate the data and run the tables that the detectors read."""
        self.root = root
        made = generate(arguments, root / "raw").truth["interactions"]
        self.incident: dict[str, Any] = made["incident"] or {}
        settings = load_settings(root=str(root), raw=str(root / "raw"), engine="duckdb")
        needed = {name for each in DETECTORS for name in registry().upstream(each.TABLE.name)}
        names = [name for name in registry().entries if name in needed]
        with Lake(settings, registry()) as lake:
            failed = [each.table for each in lake.run(names, new_request()) if each.error]
        if failed:
            message = f"seed {arguments.seed}: {', '.join(failed)} failed"
            raise RuntimeError(message)
        self.newest: date = max(row["activity_date"] for row in self.rows(USERS))

    def rows(self, table: str) -> list[Row]:
        """What a table holds."""
        return [dict(row) for row in self._arrow(table).to_pylist()]

    def findings(self, detector: ModuleType, **changed: list[Row]) -> list[Row]:
        """What a detector reports, with the rows of some inputs changed."""
        frames = []
        for each in detector.TABLE.upstream:
            table = self._arrow(each.name)
            if each.noun in changed:
                table = pa.Table.from_pylist(changed[each.noun], table.schema)
            path = self.root / f"{each.noun}.parquet"
            pq.write_table(table, path)
            frames.append(SESSION.read.parquet(str(path)))
        if rule := detector.TABLE.left_out:  # as the engine does before a transform
            frames[0] = frames[0].filter(f"NOT coalesce(({rule.where}), false)")
        run = Run("detection", self.newest, datetime.combine(self.newest, time(), UTC))
        return [row.asDict() for row in detector.transform(*frames, run).collect()]

    def judged(self, detector: ModuleType) -> list[Row]:
        """Every day that a detector judges, usual or not."""
        with patch.object(metric, "SEVERITIES", (("judged", 0.0),)):
            return self.findings(detector)

    def _arrow(self, table: str) -> pa.Table:
        return DeltaTable(str(self.root / table.replace(".", "/"))).to_pyarrow_table()


def _count_alarms(lake: Calm, kind: str, tally: Tally) -> None:
    first, last = (lake.incident.get(end, "") for end in ("from", "to"))
    for detector in DETECTORS:
        name = detector.TABLE.name
        is_slow = detector is performance_anomalies
        outside = [
            [r for r in rows if not (is_slow and first <= str(r["metric_date"]) <= last)]
            for rows in (lake.judged(detector), lake.findings(detector))
        ]
        tally.judged[name, kind].append(len(outside[0]))
        tally.alarms[name, kind].append(Counter(row["severity"] for row in outside[1]))


def _watch_incident(lake: Calm, tally: Tally) -> None:
    """Delay of the generator's incident, for each series that it slows."""
    first = date.fromisoformat(lake.incident["from"])
    last = date.fromisoformat(lake.incident["to"])
    found = lake.findings(performance_anomalies)
    for series in ("page_id", "app_version"):
        days = [
            (row["metric_date"] - first).days
            for row in found
            if (row["series_name"], row["series_value"]) == (series, lake.incident[series])
            and first <= row["metric_date"] <= last
            and row["severity"] != "medium"
        ]
        tally.delays[f"planted incident, by {series}"].append(min(days, default=None))


def _put_faults(lake: Calm, tally: Tally) -> None:
    for fault in FAULTS:
        rows = lake.rows(fault.source)
        column = DAY.get(fault.source, "metric_date")
        for weeks in FAULT_WEEKS:
            days = [lake.newest - timedelta(7 * weeks - k) for k in range(FAULT_DAYS)]
            changed = [
                fault.change(row) if row[column] in days and fault.hits(row) else row
                for row in rows
            ]
            noun = fault.source.rpartition(".")[2]
            found = lake.findings(fault.detector, **{noun: [row for row in changed if row]})
            told = {
                row["metric_date"]
                for row in found
                if tuple(row[n] for n in SERIES[fault.detector.TABLE.name]) == fault.told
            }
            tally.delays[fault.name].append(
                min((k for k, day in enumerate(days) if day in told), default=None)
            )


def _print(tally: Tally) -> None:
    console = Console(width=120)
    alarms = Grid("detector", "data", "judged days", *(s for s, _ in metric.SEVERITIES), box=None)
    alarms.add_column("alarms per 100 series-weeks: median of the seeds (range)", justify="right")
    for (table, kind), judged in tally.judged.items():
        found = tally.alarms[table, kind]
        counts = [sum(each[severity] for each in found) for severity, _ in metric.SEVERITIES]
        rates = [each.total() * 700 / max(n, 7) for each, n in zip(found, judged, strict=True)]
        spread = f"{median(rates):.1f} ({min(rates):.1f}-{max(rates):.1f})"
        alarms.add_row(table.partition(".")[2], kind, f"{sum(judged):,}", *map(str, counts), spread)
    console.print("False alarms", alarms, sep="\n")
    recall = Grid("fault", "reported", "delay in days: median (range)", box=None)
    for name, delays in tally.delays.items():
        told = [delay for delay in delays if delay is not None]
        spread = f"{median(told):g} ({min(told)}-{max(told)})" if told else "-"
        recall.add_row(name, f"{len(told)} of {len(delays)}", spread)
    console.print("\nRecall and delay", recall, sep="\n")


def main(
    *,
    seeds: Annotated[str, typer.Option(help="Seeds, separated by commas.")] = "1,2,3",
    users: Annotated[int, typer.Option(help="Users to generate.")] = 10_000,
    events: Annotated[int, typer.Option(help="Events and interactions to generate.")] = 200_000,
    days: Annotated[int, typer.Option(help="Days to generate.")] = 90,
) -> None:
    """Generate calm and planted data for each seed, and print what the detectors report."""
    tally = Tally()
    typer.echo(f"seeds {seeds}; {users:,} users, {events:,} events and interactions, {days} days")
    for seed in map(int, seeds.split(",")):
        for kind in ("none", "planted"):
            arguments = Arguments(
                users=users,
                events=events,
                days=days,
                seed=seed,
                incidents=kind,
                domains=("growth", "interactions"),
            )
            with tempfile.TemporaryDirectory() as scratch:
                lake = Calm(Path(scratch), arguments)
                _count_alarms(lake, "calm" if kind == "none" else kind, tally)
                if kind == "planted":
                    _watch_incident(lake, tally)
                else:
                    _put_faults(lake, tally)
    _print(tally)


if __name__ == "__main__":
    typer.run(main)
