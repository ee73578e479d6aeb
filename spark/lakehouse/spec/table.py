"""The contract of a table: what it is made from, what it holds, what must be true of it."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from lakehouse.errors import TableDefinitionError
from lakehouse.settings import Settings
from lakehouse.spec.checks import AGE_DAYS, NOT_EMPTY, OUTPUT, Check
from lakehouse.spec.columns import BOOLEAN, DATE, STRING, TECHNICAL_COLUMNS, TIMESTAMP, Column
from lakehouse.spec.serve import Serve
from lakehouse.spec.source import Source
from lakehouse.spec.writes import Append, ReplaceSlices, Scd2

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lakehouse.spec.policies import Policy
    from lakehouse.spec.writes import Write

LAYERS = ("bronze", "silver", "gold")
MIN_RETENTION = timedelta(days=7)
"""Delta removes nothing younger: a slow reader or writer may still need it."""


def _scd2_columns(kind: str, first: str, after: str) -> tuple[Column, ...]:
    return (
        Column("effective_from", kind, f"{first} of the interval.", nullable=False),
        Column(
            "effective_to",
            kind,
            f"{after} the interval; 9999-12-31 while it is open.",
            nullable=False,
        ),
        Column("is_current", BOOLEAN, "True for the open interval.", nullable=False),
        Column(
            "record_hash",
            STRING,
            "MD5 over the tracked columns as JSON: null-safe and separator-safe.",
            nullable=False,
        ),
    )


SCD2_COLUMNS = _scd2_columns(DATE, "First day", "First day after")
"""Of a dimension that changes by the day."""

SCD2_MOMENT_COLUMNS = _scd2_columns(TIMESTAMP, "First moment", "First moment after")
"""Of a dimension that changes at any moment, UTC."""


@dataclass(frozen=True, kw_only=True)
class Dedupe:
    """Which row of the first input stands for its key; the others count as deduplicated.

    Args:
        keys: Columns, or SQL expressions, that make two rows the same.
        order_by: SQL orderings, best row first; must end in a total order.
        among: SQL predicate of the rows that may repeat each other, null counts as false; the
            others stand for themselves, and are not looked up. Empty = all rows.
    """

    keys: tuple[str, ...]
    order_by: tuple[str, ...]
    among: str = ""


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """Rows of the first input that do not count: the transform never sees them.

    Args:
        where: SQL predicate over the first input; null counts as false.
        reason: Why they do not count, in words that finish "left out: ...".
    """

    where: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class ValidAt:
    """An input without the slice columns, joined as a history to rows of the first input.

    A change of the input touches the slices of the rows that an interval it changed was or is
    valid for; of the input itself a run reads only the keys that its rows have.

    Args:
        table: The history.
        on: Key columns, in the history and in the first input.
        at: Moment of a row of the first input.
        start: First moment of an interval, in the history.
        end: First moment after it.
    """

    table: Table
    on: tuple[str, ...]
    at: str
    start: str = "effective_from"
    end: str = "effective_to"


@dataclass(frozen=True)
class Latest:
    """The default as-of date: the newest value of a date column in a published table.

    A value later than the day of the run does not count.
    """

    table: Table
    column: str


@dataclass(frozen=True)
class Location:
    """Where a table was declared."""

    file: str
    line: int

    def __str__(self) -> str:
        """`file:line`, as editors understand it."""
        return f"{self.file}:{self.line}"


def _caller() -> Location:
    # _caller <- __init__ (generated, defaults) <- the table module
    depth = 2
    frame = sys._getframe(depth)  # noqa: SLF001  # inspect.stack() reads source files: 100x slower
    return Location(frame.f_code.co_filename, frame.f_lineno)


@dataclass(frozen=True, kw_only=True, eq=False)
class Table:
    """A table. Building one validates it.

    Args:
        name: `<layer>.<noun>`; also the asset, the CLI argument, the module and the test.
        owner: The team that owns it.
        domain: What it is about: tables of a domain come, run and are shown together.
        inputs: What the transform's parameters are, in order. The first one drives the run: its
            rows are the ones accounted for.
        columns: The columns a reader may rely on, in order.
        write: Write strategy.
        ensures: Output gate.
        requires: Input gate.
        dedupe: Which rows of the first input are repeats of each other. Its keys may run across
            slices; a run then looks up the other rows of the keys it meets.
        valid_at: Inputs whose changes touch slices by key and time.
        left_out: Which rows of the first input do not count, and why.
        happened_on: Of a table with a source: the day on which what a row tells happened, a SQL
            expression. Whoever reads the table leaves out what is later than the as-of date that
            was asked for or, without one, than the day of the run.
        tells_plans: What lies after the day of the run counts, unless an as-of date is asked for.
        never_late: Predicate of rows of the first input that the as-of date does not leave out:
            `fates` of its module judges them.
        as_of: Where the default as-of date comes from; None when its rows do not follow from it.
        unfinished: Predicate of own rows: when the as-of date moves on, only slices with such rows
            are made again (and those that an input touches); without it, every slice is.
        final: Predicate of own rows whose figures are final: what a later run changes in them is
            noted (`ops.metric_restatements`). Empty = nothing is noted.
        may_be_empty: Why it may have no rows, in words: nothing is told then. Empty = its output
            gate says `not_empty`.
        settings: Names of settings that its rows follow from: with another value it is made again.
        policies: Kinds of policies that its rows follow from: with other contents it is, too.
        cluster_by: Columns by which maintenance orders the files (Z-order).
        day: The day that files are ordered by, a DATE column; a run reads and rewrites only the
            files of the days it is about.
        is_small: Far fewer rows than its inputs: a first load is not cut by day.
        serve: How readers of SQL get it; None when the serving database has no copy.
        checked_within: A green run at least this often; the default is a day and slack.
        current_within: The newest day of its data is at most so long ago, in whole days, where its
            state knows such a day; None = data that need not come every day.
        retention: How long replaced versions stay readable (time travel, RESTORE, change feed);
            `lakehouse maintain` removes older ones.

    Raises:
        TableDefinitionError: The declaration contradicts itself; names file and line.
    """

    name: str
    owner: str
    domain: str
    inputs: tuple[Table | Source, ...]
    columns: tuple[Column, ...]
    write: Write
    ensures: tuple[Check, ...]
    requires: tuple[Check, ...] = ()
    dedupe: Dedupe | None = None
    left_out: LeftOut | None = None
    valid_at: tuple[ValidAt, ...] = ()
    happened_on: str = ""
    tells_plans: bool = False
    never_late: str = ""
    as_of: Latest | None = None
    unfinished: str = ""
    final: str = ""
    may_be_empty: str = ""
    settings: tuple[str, ...] = ()
    policies: tuple[type[Policy], ...] = ()
    cluster_by: tuple[str, ...] = ()
    day: str | None = None
    is_small: bool = False
    serve: Serve | None = None
    checked_within: timedelta = timedelta(hours=26)
    current_within: timedelta | None = timedelta(days=2)
    retention: timedelta = timedelta(days=30)
    defined_at: Location = field(default_factory=_caller, repr=False)

    def __post_init__(self) -> None:
        """Reject a contradiction where it was written."""
        problems = list(self._problems())
        if problems:
            message = f"{self.name}: {'; '.join(problems)} ({self.defined_at})"
            raise TableDefinitionError(
                message, file=self.defined_at.file, line=self.defined_at.line, problems=problems
            )

    @property
    def layer(self) -> str:
        """Bronze, silver or gold."""
        return self.name.partition(".")[0]

    @property
    def noun(self) -> str:
        """The name without its layer."""
        return self.name.partition(".")[2]

    @property
    def source(self) -> Source | None:
        """The landing source of a bronze table."""
        first = self.inputs[0]
        return first if isinstance(first, Source) else None

    @property
    def upstream(self) -> tuple[Table, ...]:
        """Inputs that are tables."""
        return tuple(each for each in self.inputs if isinstance(each, Table))

    @property
    def stored_columns(self) -> tuple[Column, ...]:
        """Declared columns and the technical ones the engine adds."""
        return (*self.columns, *TECHNICAL_COLUMNS) if self.source else self.columns

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of the stored columns, in order."""
        return tuple(column.name for column in self.stored_columns)

    @property
    def has_windows(self) -> bool:
        """Whether a row of an input may count in several slices."""
        return isinstance(self.write, ReplaceSlices) and any(each.needs for each in self.write.of)

    @property
    def clocks(self) -> set[tuple[str, str]]:
        """(table, SQL expression of a date) pairs whose newest value this table needs to know."""
        wanted = {(c.subject, c.column) for c in self.requires if c.fact == AGE_DAYS and c.column}
        wanted |= {(each.name, each.happened_on) for each in self.cut}
        return wanted | ({(self.as_of.table.name, self.as_of.column)} if self.as_of else set())

    @property
    def cut(self) -> tuple[Table, ...]:
        """Inputs of which rows later than the as-of date are left out."""
        return tuple(each for each in self.upstream if each.happened_on)

    def __repr__(self) -> str:
        """The name says it all."""
        return f"Table({self.name})"

    def _problems(self) -> list[str]:
        names = [column.name for column in self.stored_columns]
        known = set(names)
        problems = []
        if self.layer not in LAYERS or not self.noun.isidentifier():
            problems.append(f"name must be <layer>.<noun> with a layer of {', '.join(LAYERS)}")
        if not self.owner.strip():
            problems.append("owner is empty")
        if not self.domain.isidentifier():
            problems.append(f"domain {self.domain!r} is not an identifier")
        if not self.inputs:
            problems.append("inputs are empty")
        problems += [f"column {name} is declared twice" for name in known if names.count(name) > 1]
        problems += [f"column {c.name} has no doc" for c in self.columns if not c.doc.strip()]
        problems += [
            f"column {c.name} was formerly {c.formerly}, which is declared, too"
            for c in self.columns
            if c.formerly in known
        ]
        used = {
            "grain": self.write.grain,
            "slice": self.write.slices,
            "cluster_by": self.cluster_by,
            "serve": self.serve.columns if self.serve else (),
        }
        problems += [
            f"{role} column {name} is not declared"
            for role, columns in used.items()
            for name in columns
            if name not in known
        ]
        if not any(check.severity == "fail" for check in self.ensures):
            problems.append("ensures has no check of severity fail")
        if self.may_be_empty and any(check.name == NOT_EMPTY for check in self.ensures):
            problems.append(f"ensures has {NOT_EMPTY}, but may_be_empty says that empty is legal")
        unknown = set(self.settings) - set(Settings.model_fields)
        problems += [f"unknown setting {name}" for name in sorted(unknown)]
        problems += self._check_problems()
        problems += self._day_problems()
        problems += self._serve_problems()
        problems += self._duration_problems()
        problems += self._write_problems()
        return problems

    def _write_problems(self) -> list[str]:
        known = set(self.column_names)
        problems = []
        if isinstance(self.write, Append) != (self.source is not None):
            problems.append("Append is for tables whose first input is a Source, and only for them")
        if isinstance(self.write, Scd2):
            missing = {column.name for column in SCD2_COLUMNS} - known
            problems += [f"SCD2 column {name} is missing" for name in sorted(missing)]
        problems += self._history_problems()
        if self.left_out and (self.source or not self.left_out.reason.strip()):
            problems.append("left_out needs a reason, and a table as the first input")
        if self.happened_on and not self.source:
            problems.append("happened_on is for tables with a source")
        if self.never_late and not (self.upstream and self.upstream[0].happened_on):
            problems.append("never_late needs happened_on in the first input")
        if self.unfinished and not (self.as_of and self.write.slices):
            problems.append("unfinished needs as_of, and a write strategy with slices")
        return problems

    def column_problems(self, found: Mapping[str, str]) -> dict[str, tuple[str | None, str | None]]:
        """Columns that are not as declared: name → (type found, type declared); None = missing.

        Args:
            found: Names and types of the columns of some rows or of a stored table.
        """
        declared = {column.name: column.type for column in self.stored_columns}
        return {
            name: (found.get(name), declared.get(name))
            for name in sorted(found.keys() | declared.keys())
            if found.get(name) != declared.get(name)
        }

    def _day_problems(self) -> list[str]:
        days = {column.name for column in self.columns if column.type == DATE}
        if self.day is not None and self.day not in days:
            return [f"day {self.day} is not a declared DATE column"]
        return []

    def _serve_problems(self) -> list[str]:
        year = self.serve.by_year_of if self.serve else ""
        dates = {column.name for column in self.columns if column.type == DATE}
        if year and year not in dates & set(self.write.grain):
            return [f"serve by_year_of {year} is not a DATE column of the grain"]
        return []

    def _history_problems(self) -> list[str]:
        problems = []
        for each in self.valid_at:
            if each.table not in self.upstream[1:]:
                problems.append(f"valid_at names {each.table.name}, which is not a later input")
                continue
            wanted = {
                each.table.name: {*each.on, each.start, each.end},
                self.inputs[0].name: {*each.on, each.at},
            }
            for upstream in (self.upstream[0], each.table):
                missing = wanted[upstream.name] - set(upstream.column_names)
                problems += [f"{upstream.name} has no column {name}" for name in sorted(missing)]
        return problems

    def _duration_problems(self) -> list[str]:
        problems = []
        if self.checked_within <= timedelta(0):
            problems.append("checked_within is not positive")
        if self.current_within is not None and self.current_within <= timedelta(0):
            problems.append("current_within is not positive")
        if self.retention < MIN_RETENTION:
            problems.append(f"retention is below {MIN_RETENTION.days} days")
        return problems

    def _check_problems(self) -> list[str]:
        inputs = {each.name for each in self.inputs}
        allowed = {"ensures": {OUTPUT}, "requires": inputs}
        problems = []
        for gate, checks in (("ensures", self.ensures), ("requires", self.requires)):
            names = [check.name for check in checks]
            problems += [f"{gate}: {n} is declared twice" for n in set(names) if names.count(n) > 1]
            problems += [
                f"{gate}: check {check.name} is about {check.subject}; ensures is about the table, "
                "requires about its inputs"
                for check in checks
                if check.subject not in allowed[gate]
            ]
            problems += [
                f"{gate}: check {check.name} is given {check.given}, which is not an input"
                for check in checks
                if check.given is not None and check.given not in inputs
            ]
        return problems
