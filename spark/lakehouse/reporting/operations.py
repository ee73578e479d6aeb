"""The state of the lake in a report: checks, row counts, quarantine."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lakehouse.catalog.status import Status
from lakehouse.reporting import numbers
from lakehouse.reporting.page import Cell, Figure, Grid, Section

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lakehouse.catalog.registry import Registry
    from lakehouse.reporting.lake import PublishedLake
    from lakehouse.spec import Table

GATES = ("input", "output")
LATEST_RESULTS = (
    "SELECT * FROM (SELECT *, dense_rank() OVER (PARTITION BY table_name, gate "
    "ORDER BY checked_at DESC, run_id DESC) AS place FROM t) WHERE place = 1"
)
LATEST_RUNS = (
    "SELECT table_name, outcome, error FROM (SELECT *, row_number() OVER "
    "(PARTITION BY table_name ORDER BY started_at DESC) AS place FROM t) WHERE place = 1"
)
REASONS = (
    "SELECT source_file, reason, count(*) AS n FROM "
    "(SELECT source_file, unnest(reasons) AS reason FROM t) GROUP BY source_file, reason"
)


@dataclass(frozen=True)
class GateResult:
    """The latest results of one gate of a table.

    Attributes:
        table: The table.
        gate: input or output.
        declared: Checks the table declares there.
        results: Rows of `ops.quality_results` by check name.
    """

    table: Table
    gate: str
    declared: tuple[str, ...]
    results: dict[str, dict[str, Any]]

    @property
    def failed(self) -> list[dict[str, Any]]:
        """Results of checks that did not pass, failing ones first."""
        rows = [row for row in self.results.values() if not row["passed"]]
        return sorted(rows, key=lambda row: (row["severity"] != "fail", row["check_name"]))

    def measured(self, row: dict[str, Any]) -> str:
        """What a check found, as `lakehouse run` tells it."""
        checks = {each.name: each for each in (*self.table.requires, *self.table.ensures)}
        if row["value"] is None:
            return "not measured"
        check = checks.get(row["check_name"])
        return check.number(row["value"]) if check else numbers.measured(row["value"])

    @property
    def missing(self) -> list[str]:
        """Declared checks without a result; a gate that ran and has some is red."""
        return [name for name in self.declared if name not in self.results]

    @property
    def is_red(self) -> bool:
        """Whether it stops, or should have stopped, the run."""
        stopped = any(row["severity"] == "fail" for row in self.failed)
        return stopped or bool(self.results and self.missing)

    @property
    def cell(self) -> Cell:
        """The gate in one cell of a table."""
        passed = sum(
            name in self.results and self.results[name]["passed"] for name in self.declared
        )
        words = f"{passed} of {len(self.declared)}"
        if not self.declared:
            return Cell("no checks", "soft")
        if not self.results:
            return Cell(f"never ran ({numbers.plural(len(self.declared), 'check')})", "soft")
        if self.is_red:
            return Cell(f"✗ {words}", "bad")
        return Cell(f"! {words}", "warn") if self.failed else Cell(f"✓ {words}", "good")


def latest_gates(lake: PublishedLake, registry: Registry) -> list[GateResult]:
    """The latest results of every gate, upstream tables first."""
    found: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}
    for row in lake.kept("ops.quality_results", LATEST_RESULTS):
        found.setdefault((row["table_name"], row["gate"]), {})[row["check_name"]] = row
    gates = []
    for entry in registry.entries.values():
        table = entry.table
        for gate, checks in zip(GATES, (table.requires, table.ensures), strict=True):
            declared = tuple(check.name for check in checks)
            gates.append(GateResult(table, gate, declared, found.get((table.name, gate), {})))
    return gates


def quality_section(lake: PublishedLake, registry: Registry) -> Section:
    """Checks by table, and those that did not pass."""
    gates = latest_gates(lake, registry)
    runs = {row["table_name"]: row for row in lake.kept("ops.runs", LATEST_RUNS)}
    rows = [
        _quality_row(lake, [gate for gate in gates if gate.table is entry.table], runs)
        for entry in registry.entries.values()
    ]
    problems = [
        (
            gate.table.name,
            gate.gate,
            Cell("✗ fail", "bad") if row["severity"] == "fail" else Cell("! warn", "warn"),
            row["sentence"],
            gate.measured(row),
            accepted(row["minimum"], row["maximum"]),
        )
        for gate in gates
        for row in gate.failed
    ]
    return Section(
        anchor="quality",
        title="Data quality",
        figures=[
            Figure(
                title="Checks by table (passed of declared, latest run of each gate)",
                caption=(
                    "✓ all passed; ! only warnings failed, the version is published; ✗ a check of "
                    "severity fail stopped the run, readers still see the previous version."
                ),
                grid=Grid(
                    head=("Table", "Input gate", "Output gate", "Last run", ">Checked at"),
                    rows=rows,
                ),
                empty="No tables are declared.",
            ),
            Figure(
                title="Failed checks",
                caption="What was measured, and what the check allows.",
                grid=Grid(
                    head=("Table", "Gate", "Outcome", "Check", ">Measured", "Allowed"),
                    rows=problems,
                ),
                empty="None: every check of the latest runs passed."
                if any(gate.results for gate in gates)
                else "No gate has run yet.",
            ),
        ],
    )


def _quality_row(
    lake: PublishedLake, gates: list[GateResult], runs: dict[str, dict[str, Any]]
) -> list[Cell | str]:
    table = gates[0].table
    times = [row["checked_at"] for gate in gates for row in gate.results.values()]
    run = runs.get(table.name)
    if run is None:
        outcome = Cell("never ran", "soft")
    elif run["outcome"] in {Status.FAILED, Status.BLOCKED}:
        kept = (
            " (previous version still published)"
            if lake.state(table.name)
            else " (nothing published)"
        )
        outcome = Cell(f"✗ {run['outcome']}{kept}", "bad")
    else:
        outcome = Cell(f"✓ {run['outcome']}", "good")
    return [
        table.name,
        *(gate.cell for gate in gates),
        outcome,
        numbers.moment(max(times, default=None)),
    ]


def accepted(minimum: float | None, maximum: float | None) -> str:
    """The range that a check allows, in words."""
    if minimum is not None and maximum is not None:
        return f"{numbers.measured(minimum)} to {numbers.measured(maximum)}"
    if minimum is not None:
        return f"at least {numbers.measured(minimum)}"
    return f"at most {numbers.measured(maximum)}" if maximum is not None else "anything"


def rows_section(lake: PublishedLake, registry: Registry) -> Section:
    """Where rows went: by table and fate, and why into quarantine."""
    tables = [entry.table for entry in registry.entries.values()]
    return Section(
        anchor="rows",
        title="Row counts",
        figures=[
            Figure(
                title="What became of the rows, in the last run that wrote each table",
                caption=(
                    "In = loaded + quarantined + deduplicated + too late + left out, for every "
                    "table, so that no row is lost silently. In: rows of the table's first input "
                    "that the run read. Loaded: rows that count in the result; an aggregate has "
                    "fewer rows than that. Left out: rows that a mapping, or the table's "
                    "declaration, leaves out."
                ),
                grid=Grid(
                    head=(
                        "Table",
                        ">In",
                        ">Loaded",
                        ">Quarantined",
                        ">Deduplicated",
                        ">Too late",
                        ">Left out",
                        "Balanced",
                        ">Rows in table",
                        ">Version",
                        ">Published",
                    ),
                    rows=[_account_row(lake, table) for table in tables],
                ),
            ),
            _quarantine_figure(lake, tables),
        ],
    )


def _account_row(lake: PublishedLake, table: Table) -> list[Cell | str]:
    state = lake.state(table.name)
    if state is None:
        return [table.name, *[numbers.NOTHING] * 6, "", Cell("not published", "soft"), "", ""]
    account = state.account
    rejected = numbers.count(account.rows_quarantined)
    return [
        table.name,
        numbers.count(account.rows_in),
        numbers.count(account.rows_loaded),
        Cell(rejected, "warn") if account.rows_quarantined else rejected,
        numbers.count(account.rows_deduplicated),
        numbers.count(account.rows_too_late),
        numbers.count(account.rows_left_out),
        Cell("✓ yes", "good") if account.balanced else Cell("✗ no", "bad"),
        numbers.count(state.rows),
        numbers.count(state.version),
        (state.published_at or numbers.NOTHING)[:16].replace("T", " "),
    ]


def _quarantine_figure(lake: PublishedLake, tables: Iterable[Table]) -> Figure:
    counts: Counter[tuple[str, str]] = Counter()
    files: dict[tuple[str, str], set[str]] = {}
    for table in tables:
        if table.source is None:
            continue
        for row in lake.kept(f"quarantine.{table.noun}", REASONS):
            key = (table.name, row["reason"])
            counts[key] += row["n"]
            files.setdefault(key, set()).add(row["source_file"])
    return Figure(
        title="Rows in quarantine by table and reason",
        caption=(
            "Rejected rows are kept as they landed, with file and line; a row with two reasons "
            "counts for both. `lakehouse quarantine show TABLE` prints them, `lakehouse "
            "quarantine replay TABLE` validates them again."
        ),
        grid=Grid(
            head=("Table", "Reason", ">Rows", "Files"),
            rows=[
                (name, reason, numbers.count(n), _files(files[name, reason]))
                for (name, reason), n in sorted(counts.items(), key=_most_first)
            ],
        ),
        empty="Quarantine is empty.",
    )


def _most_first(item: tuple[tuple[str, str], int]) -> tuple[str, int, str]:
    (name, reason), n = item
    return name, -n, reason


def _files(names: set[str]) -> str:
    first = min(names)
    return first if len(names) == 1 else f"{first} and {numbers.count(len(names) - 1)} more"
