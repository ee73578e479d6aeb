"""Checks: what a gate asserts about a table, an input or a run.

A check is a number and the range it must lie in. The number is either a SQL aggregate, so that all
checks of a gate cost one pass together, or a fact that the engine knows from its own bookkeeping
and that costs nothing. Great Expectations judges the numbers (`quality/expectations.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

Severity = Literal["fail", "warn"]
OUTPUT = "output"
ROWS = "rows"
NOT_EMPTY = "not_empty"
REJECTED_RATE = "rejected_rate"
AGE_DAYS = "age_days"
ROWS_AHEAD = "rows_ahead"


@dataclass(frozen=True, kw_only=True)
class Check:
    """One assertion of a gate.

    Args:
        name: Stable identifier, unique inside its gate; the expectation's name.
        sentence: The assertion in words.
        metric: SQL aggregate over the subject; empty for a fact or a reference.
        fact: `rows`, `rejected_rate`, `age_days` or `rows_ahead`: a number from the state of the
            subject.
        column: Date of `age_days` and `rows_ahead`; must be a clock of the subject.
        minimum: Smallest accepted value, or None.
        maximum: Largest accepted value, or None.
        severity: `fail` stops the run, `warn` is recorded and shown.
        subject: `output` (the table being written) or the name of an input table.
        samples: Predicate that selects offending rows, for the evidence; None when there is none.
        alike: Columns that no two rows may share (of those that satisfy `samples`, if any).
        refers_to: (column, input table, column) for referential checks.
        given: Input that it is about, too: the check is left out while that is known to be absent,
            as its optional source never sent a file.
    """

    name: str
    sentence: str
    metric: str = ""
    fact: str | None = None
    column: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    severity: Severity = "fail"
    subject: str = OUTPUT
    samples: str | None = None
    alike: tuple[str, ...] = ()
    refers_to: tuple[str, str, str] | None = None
    given: str | None = None

    def told(self, value: float | None) -> str:
        """A number that was observed and the range it must lie in, as people write them."""
        if value is None:
            return "no value"
        limits = [
            f"{word} {self._written(limit)}"
            for word, limit in (("at least", self.minimum), ("at most", self.maximum))
            if limit is not None
        ]
        if self.maximum == 0 and self.minimum is None:
            limits = ["none allowed"]
        return ", ".join([self.number(value), *limits])

    def number(self, value: float) -> str:
        """A number that was observed, in its unit and told from a limit that it is not."""
        limits = {self.minimum, self.maximum} - {None, value}
        written = {self._written(limit) for limit in limits if limit is not None}
        texts = (self._written(value, digits) for digits in (3, 5, 8, 15))
        return next((text for text in texts if text not in written), f"{value}")

    def _written(self, value: float, digits: int = 3) -> str:
        if self.fact == REJECTED_RATE:
            return f"{value * 100:.{digits}g} %"
        unit = "day" if self.fact == AGE_DAYS else "row"
        return f"{value:,.15g} {unit}{'' if value == 1 else 's'}"


def satisfies(  # noqa: PLR0913  # one parameter per property of the check
    name: str,
    predicate: str,
    sentence: str,
    *,
    severity: Severity = "fail",
    on: str = OUTPUT,
    given: str | None = None,
) -> Check:
    """Every row satisfies a SQL predicate (null counts as a violation)."""
    violated = f"NOT coalesce(({predicate}), false)"
    return Check(
        name=name,
        sentence=sentence,
        metric=f"count_if({violated})",
        maximum=0,
        severity=severity,
        subject=on,
        samples=violated,
        given=given,
    )


def not_null(*columns: str, severity: Severity = "fail", on: str = OUTPUT) -> Check:
    """None of the columns is ever null."""
    return satisfies(
        f"not_null_{'_'.join(columns)}",
        " AND ".join(f"`{column}` IS NOT NULL" for column in columns),
        f"{', '.join(columns)}: never null.",
        severity=severity,
        on=on,
    )


def unique(
    *columns: str, where: str | None = None, severity: Severity = "fail", on: str = OUTPUT
) -> Check:
    """No two rows (of those that satisfy `where`) share the columns."""
    chosen = where or "true"
    struct = f"struct({', '.join(f'`{column}`' for column in columns)})"
    suffix = f" where {where}" if where else ""
    return Check(
        name=f"unique_{'_'.join(columns)}" + (f"_where_{_slug(where)}" if where else ""),
        sentence=f"{', '.join(columns)}: unique{suffix}.",
        metric=(f"count_if({chosen}) - count(DISTINCT CASE WHEN {chosen} THEN {struct} END)"),
        maximum=0,
        severity=severity,
        subject=on,
        samples=where,
        alike=columns,
    )


def in_range(
    column: str,
    minimum: float | None = None,
    maximum: float | None = None,
    *,
    severity: Severity = "fail",
) -> Check:
    """Values lie in [minimum, maximum]; null is accepted."""
    bounds = []
    if minimum is not None:
        bounds.append(f"`{column}` >= {minimum}")
    if maximum is not None:
        bounds.append(f"`{column}` <= {maximum}")
    words = [
        f"{word} {limit}"
        for word, limit in (("at least", minimum), ("at most", maximum))
        if limit is not None
    ]
    return satisfies(
        f"in_range_{column}",
        f"`{column}` IS NULL OR ({' AND '.join(bounds)})",
        f"{column}: {', '.join(words)}.",
        severity=severity,
    )


def one_of(column: str, values: Iterable[str], *, severity: Severity = "fail") -> Check:
    """The column holds only the listed values."""
    listed = list(values)
    quoted = ", ".join("'" + value.replace("'", "\\'") + "'" for value in listed)
    return satisfies(
        f"one_of_{column}",
        f"`{column}` IN ({quoted})",
        f"{column}: one of {', '.join(listed)}.",
        severity=severity,
    )


def not_empty(on: str = OUTPUT, *, severity: Severity = "fail", unless: str = "") -> Check:
    """There is at least one row: in the table after the run, or in the named input.

    Args:
        on: What has one.
        severity: What it means that there is none.
        unless: In words, when there may be none.
    """
    has_rows = f"{'the table' if on == OUTPUT else on} has at least one row"
    return Check(
        name=NOT_EMPTY if on == OUTPUT else f"{NOT_EMPTY}_{_slug(on)}",
        sentence=f"{has_rows}, unless {unless}." if unless else f"{has_rows}.",
        fact=ROWS,
        minimum=1,
        severity=severity,
        subject=on,
    )


def fresh_within(on: str, column: str, *, days: int, severity: Severity = "warn") -> Check:
    """The newest date of an input is at most `days` old on the day of the run or its as-of date."""
    return Check(
        name=f"fresh_{_slug(on)}",
        sentence=f"{on}: newest {column} at most {days} days old.",
        fact=AGE_DAYS,
        column=column,
        maximum=days,
        severity=severity,
        subject=on,
    )


def none_ahead(day: str) -> Check:
    """No row lies after the day of the run; those that do wait until that day has come."""
    return Check(
        name="none_ahead",
        sentence="no row is dated after the day of the run (such rows do not count until then).",
        fact=ROWS_AHEAD,
        column=day,
        maximum=0,
        severity="warn",
    )


def at_most_rejected(rate: float, *, severity: Severity = "fail") -> Check:
    """At most this share (0-1) of the input rows was quarantined."""
    return Check(
        name=f"at_most_{rate * 100:g}_pct_rejected".replace(".", "_"),
        sentence=f"at most {rate:.0%} of the input rows were quarantined.",
        fact=REJECTED_RATE,
        maximum=rate,
        severity=severity,
    )


def references(
    column: str, to: str, to_column: str, *, on: str, severity: Severity = "warn"
) -> Check:
    """Every value of `column` in input `on` exists in input `to`."""
    return Check(
        name=f"references_{_slug(to)}",
        sentence=f"{on}.{column}: exists in {to}.{to_column}.",
        maximum=0,
        severity=severity,
        subject=on,
        refers_to=(column, to, to_column),
    )


def no_overlap() -> Check:
    """SCD2: every interval is non-empty: it starts before it ends."""
    return satisfies(
        "interval_is_not_empty",
        "effective_from < effective_to",
        "effective_from is before effective_to.",
    )


def covers_history(*keys: str) -> Check:
    """SCD2: the open interval is the current one, and only that."""
    return satisfies(
        f"open_interval_is_current_{'_'.join(keys)}",
        "is_current = (effective_to = DATE'9999-12-31')",
        "is_current is true exactly when effective_to is 9999-12-31.",
    )


def _slug(text: str) -> str:
    return "".join(char if char.isalnum() else "_" for char in text).strip("_")
