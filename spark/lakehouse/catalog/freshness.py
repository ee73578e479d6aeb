"""Two ages of every table, from published states and `ops.runs` alone: needs no engine.

Checked: how long ago its gate was green. Current: how old the newest day is that its data hold. A
table is fresh when it is both; one that is checked every hour may hold data of last year.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from lakehouse.catalog.status import Status
from lakehouse.errors import DamagedTableError, UpstreamStaleError
from lakehouse.io import ops
from lakehouse.io.damage import damage_of
from lakehouse.io.state import State, StateStore

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lakehouse.catalog.registry import Registry
    from lakehouse.settings import Settings
    from lakehouse.spec import Table

GRACE = timedelta(minutes=15)
"""How long after an input's publication a table may still be on its way."""

CHECKED, OVERDUE, BEHIND, NEVER = "checked", "overdue", "behind", "never"
DAMAGED = "damaged"
CURRENT, OLD, UNDATED = "current", "old", ""
_HOUR = timedelta(hours=1)
_GREEN = (
    "SELECT table_name, max(ended_at) AS at FROM t "
    f"WHERE outcome IN ('{Status.UPDATED}', '{Status.UNCHANGED}') GROUP BY table_name"
)


@dataclass(frozen=True, kw_only=True)
class Freshness:
    """How fresh a table is.

    Attributes:
        table: Table name.
        checked: never (published), damaged (files are missing or broken), overdue (no green run
            within its limit), behind (an input has been published since, longer ago than the
            grace), or checked.
        current: old (its newest day is further back than it promises), current, or empty where it
            has no such day or promises nothing.
        data_through: The as-of date, or the newest date in the table where its state knows one;
            else that of its first input.
        data_age_days: Days from that day to today.
        current_within_days: What the table promises of it.
        checked_at: End of the newest green run, UTC.
        checked_hours_ago: Hours since then.
        checked_within_hours: What the table promises of it.
        published_at: When its version was published, UTC ISO.
        behind: Inputs with newer content, as `name consumed→published`.
        damage: What is wrong with its files.
    """

    table: str
    checked: str
    current: str = UNDATED
    data_through: str | None = None
    data_age_days: int | None = None
    current_within_days: int | None = None
    checked_at: datetime | None = None
    checked_hours_ago: float | None = None
    checked_within_hours: float
    published_at: str | None = None
    behind: tuple[str, ...] = ()
    damage: str | None = None

    @property
    def problems(self) -> list[str]:
        """Why it is not fresh."""
        found = [self.checked] if self.checked != CHECKED else []
        if self.current == OLD:
            found.append(f"newest data is {self.data_age_days} days old")
        return found


def freshness(
    registry: Registry, settings: Settings, names: Iterable[str], now: datetime | None = None
) -> list[Freshness]:
    """Look at every named table; `now` is for tests."""
    states = StateStore(settings)
    green = {row["table_name"]: row["at"] for row in ops.read(settings, "runs", _GREEN)}
    return [
        _of(registry[name].table, states, green.get(name), now or datetime.now(UTC))
        for name in names
    ]


def assert_fresh(found: Sequence[Freshness]) -> None:
    """Every table is checked, and current where it promises that.

    Raises:
        DamagedTableError: Some are damaged, which no run mends.
        UpstreamStaleError: Names those that are not.
    """
    damaged = [f"{each.table} ({each.damage})" for each in found if each.damage]
    if damaged:
        message = f"damaged: {'; '.join(damaged)}; `lakehouse repair TABLE` rebuilds a table"
        raise DamagedTableError(message, tables=damaged)
    rotten = {each.table: each.problems for each in found if each.problems}
    if not rotten:
        return
    names = ", ".join(f"{table} ({', '.join(why)})" for table, why in rotten.items())
    mend = "`lakehouse run` brings them up to date with the landing files"
    raise UpstreamStaleError(f"not fresh: {names}; {mend}", tables=rotten)


def with_damage(found: Iterable[Freshness], settings: Settings) -> list[Freshness]:
    """The same, damaged where files of a published version are not as they were."""
    states = StateStore(settings)
    looked = []
    for each in found:
        state = states.published(each.table)
        damage = damage_of(settings.table_uri(each.table), state) if state else None
        looked.append(replace(each, checked=DAMAGED, damage=damage) if damage else each)
    return looked


def data_through(table: Table, states: StateStore) -> str | None:
    """The newest day of a table; of one that knows none, that of the input which drives it."""
    published = states.published(table.name)
    own = published and (published.as_of or max(published.newest.values(), default=None))
    return own or (data_through(table.upstream[0], states) if table.upstream else None)


def _of(table: Table, states: StateStore, green: datetime | None, now: datetime) -> Freshness:
    published = states.published(table.name)
    limit = table.checked_within / _HOUR
    if published is None:
        return Freshness(table=table.name, checked=NEVER, checked_within_hours=limit)
    green = green or published.published_moment  # a lake whose ops tables were lost
    age = now - green if green else None
    behind = tuple(_behind(table, published, states, now))
    is_overdue = age is None or age > table.checked_within
    through = data_through(table, states)
    days = (now.date() - date.fromisoformat(through[:10])).days if through else None
    promised = table.current_within.days if table.current_within and through else None
    return Freshness(
        table=table.name,
        checked=OVERDUE if is_overdue else BEHIND if behind else CHECKED,
        current=_current(days, promised),
        data_through=through,
        data_age_days=days,
        current_within_days=promised,
        checked_at=green,
        checked_hours_ago=round(age / _HOUR, 2) if age is not None else None,
        checked_within_hours=limit,
        published_at=published.published_at,
        behind=behind,
    )


def _current(days: int | None, promised: int | None) -> str:
    if days is None or promised is None:
        return UNDATED
    return CURRENT if days <= promised else OLD


def _behind(table: Table, published: State, states: StateStore, now: datetime) -> Iterable[str]:
    for upstream in table.upstream:
        there = states.published(upstream.name)
        consumed = published.inputs.get(upstream.name)
        if there is None or not there.is_news_to(consumed):
            continue
        since = there.published_moment
        if since is None or now - since > GRACE:
            yield f"{upstream.name} {consumed}→{there.version}"
