"""How fresh the tables are, from published states and `ops.runs` alone: needs no engine."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
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

FRESH, STALE, BEHIND, NEVER, DAMAGED = "fresh", "stale", "behind", "never", "damaged"
_HOUR = timedelta(hours=1)
_GREEN = (
    "SELECT table_name, max(ended_at) AS at FROM t "
    f"WHERE outcome IN ('{Status.UPDATED}', '{Status.UNCHANGED}') GROUP BY table_name"
)


@dataclass(frozen=True)
class Freshness:
    """How fresh a table is.

    Attributes:
        table: Table name.
        state: never (published), damaged (files are missing or broken), stale (no green run within
            its limit), behind (an input has been published since, longer ago than the grace), or
            fresh.
        last_green: End of the newest green run, UTC.
        age_hours: Hours since then.
        limit_hours: What the table promises.
        data_through: The as-of date, or the newest date in the table where its state knows one.
        published_at: When its version was published, UTC ISO.
        behind: Inputs with newer content, as `name consumed→published`.
        damage: What is wrong with its files.
    """

    table: str
    state: str
    last_green: datetime | None
    age_hours: float | None
    limit_hours: float
    data_through: str | None = None
    published_at: str | None = None
    behind: tuple[str, ...] = ()
    damage: str | None = None


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
    """Every table is fresh.

    Raises:
        DamagedTableError: Some are damaged, which no run mends.
        UpstreamStaleError: Names those that are not.
    """
    damaged = [f"{each.table} ({each.damage})" for each in found if each.damage]
    if damaged:
        message = f"damaged: {'; '.join(damaged)}; `lakehouse repair TABLE` is the way back"
        raise DamagedTableError(message, tables=damaged)
    rotten = {each.table: each.state for each in found if each.state != FRESH}
    if rotten:
        names = ", ".join(f"{table} ({state})" for table, state in rotten.items())
        message = f"not fresh: {names}; `lakehouse run` brings them up to date"
        raise UpstreamStaleError(message, tables=rotten)


def with_damage(found: Iterable[Freshness], settings: Settings) -> list[Freshness]:
    """The same, damaged where files of a published version are not as they were."""
    states = StateStore(settings)
    looked = []
    for each in found:
        state = states.published(each.table)
        damage = damage_of(settings.table_uri(each.table), state) if state else None
        looked.append(replace(each, state=DAMAGED, damage=damage) if damage else each)
    return looked


def _of(table: Table, states: StateStore, green: datetime | None, now: datetime) -> Freshness:
    published = states.published(table.name)
    limit = table.fresh_within / _HOUR
    if published is None:
        return Freshness(table.name, NEVER, None, None, limit)
    green = green or published.published_moment  # a lake whose ops tables were lost
    age = now - green if green else None
    behind = tuple(_behind(table, published, states, now))
    is_stale = age is None or age > table.fresh_within
    return Freshness(
        table=table.name,
        state=STALE if is_stale else BEHIND if behind else FRESH,
        last_green=green,
        age_hours=round(age / _HOUR, 2) if age is not None else None,
        limit_hours=limit,
        data_through=published.as_of or max(published.newest.values(), default=None),
        published_at=published.published_at,
        behind=behind,
    )


def _behind(table: Table, published: State, states: StateStore, now: datetime) -> Iterable[str]:
    for upstream in table.upstream:
        there = states.published(upstream.name)
        consumed = published.inputs.get(upstream.name)
        if there is None or not there.is_news_to(consumed):
            continue
        since = there.published_moment
        if since is None or now - since > GRACE:
            yield f"{upstream.name} {consumed}→{there.version}"
