"""What a KPI comes to under the rules of a tool: DuckDB over the events of a few days."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import duckdb

from lakehouse.io.sql import literal
from lakehouse.metrics import web_kpis as kpis
from lakehouse.metrics.web_events import INTERACTIONS
from lakehouse.metrics.web_tools import (
    AUTOCAPTURED,
    NO_ACTIONS,
    NotEngaged,
    OnlyAction,
    OnlyPage,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow as pa

    from lakehouse.metrics.web_kpis import Kpi
    from lakehouse.metrics.web_policies import Engagement
    from lakehouse.metrics.web_tools import BotView, Bounce, Identity, SessionCut, Tool

COLUMNS = (
    *("event_id", "event_type", "event_at", "actor_id", "user_id", "visitor_id", "page_view_id"),
    *("page_id", "client_session_id", "utm_source", "utm_medium", "utm_campaign", "click_id"),
    *("bot_reasons", "is_internal"),
)
"""Columns of silver.web_events that the rules are about."""
S, HOUR, DAY = 1_000_000, 3_600_000_000, 86_400_000_000
"""Microseconds."""
IN_TIME = "ORDER BY moment, event_id"
BEFORE = "ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING"
SO_FAR = "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW"
IS_VIEW = "event_type = 'page_view'"
IS_PING = "event_type = 'page_ping'"


@dataclass(frozen=True)
class Count:
    """A KPI as counted.

    Attributes:
        numerator: What was counted or summed.
        denominator: What that is divided by; None = nothing.
    """

    numerator: int
    denominator: int | None

    @property
    def value(self) -> Fraction | None:
        """The exact quotient; None without anything to divide by."""
        if self.denominator is None:
            return Fraction(self.numerator)
        return Fraction(self.numerator, self.denominator) if self.denominator else None


class DayOfEvents:
    """The events of a day and of those around it, to count by the rules of any tool.

    Args:
        events: Rows of silver.web_events with COLUMNS, late ones left out.
        conversions: Rows with the event_id of what is a conversion.
        start: Start of the day, in microseconds since 1970.
        end: Its end.
        policy: How attention is measured.
    """

    def __init__(
        self, events: pa.Table, conversions: pa.Table, start: int, end: int, policy: Engagement
    ) -> None:
        self._day = f"BETWEEN {start} AND {end - 1}"
        self._start, self._end = start, end
        self._policy = policy
        self._counts: dict[tuple[Kpi, Tool], Count] = {}
        self._database = duckdb.connect()
        self._database.register("events", events)
        self._database.register("conversions", conversions)
        self._database.execute(
            f"""
            CREATE TABLE told AS SELECT
              event_id, event_type, epoch_us(event_at) AS moment, actor_id, user_id, visitor_id,
              page_view_id, page_id, client_session_id, is_internal,
              CASE WHEN coalesce(utm_source, utm_medium, utm_campaign, click_id) IS NOT NULL
                THEN [utm_source, utm_medium, utm_campaign, click_id] END AS campaign,
              coalesce(string_split(bot_reasons, ','), []) AS reasons,
              event_id IN (SELECT event_id FROM conversions) AS is_conversion,
              CASE WHEN epoch_us(event_at) < {start} THEN 0
                WHEN epoch_us(event_at) < {end} THEN 1 ELSE 2 END AS side
            FROM events
            """
        )

    @property
    def is_empty(self) -> bool:
        """Nothing happened on the day."""
        return not self._one(f"SELECT count(*) FROM told WHERE moment {self._day}")[0]

    def count(self, kpi: Kpi, rules: Tool) -> Count:
        """The KPI of the day under some rules."""
        key = (kpi, rules)
        if key not in self._counts:
            numerator, denominator = self._one(self._with(rules) + self._figures(kpi, rules))
            self._counts[key] = Count(numerator, denominator)
        return self._counts[key]

    def _one(self, query: str) -> tuple[Any, ...]:
        return self._database.execute(query).fetchall()[0]

    def _with(self, rules: Tool) -> str:
        """Events in sessions, page views, and sessions that count on the day."""
        counts = "true" if not rules.bot_view.of_whole_visits else "NOT is_dropped"
        last_day = "last_at" if rules.session_cut.counts_each_day else "first_at"
        return f"""
            WITH {_heard(rules)}, {_cut(rules.session_cut)},
            seen AS (
              SELECT *, coalesce(
                  page_view_id,
                  CASE WHEN {IS_VIEW} THEN event_id END,
                  last_value(CASE WHEN {IS_VIEW} THEN coalesce(page_view_id, event_id) END
                    IGNORE NULLS) OVER (PARTITION BY owner, session {IN_TIME} {SO_FAR}),
                  CASE WHEN {IS_PING} THEN concat_ws(' ', 'pings of', session, page_id) END
                ) AS view_key
              FROM cut
            ), pages AS (
              SELECT owner, view_key, arg_min(session, (moment, event_id)) AS session,
                min((moment, event_id)) AS began, min(moment) AS first_at,
                {self._attention()} AS attention_s,
                bool_or({IS_VIEW}) AS is_told, bool_or(is_dropped) AS is_dropped
              FROM seen WHERE view_key IS NOT NULL GROUP BY owner, view_key
            ), of_pages AS (
              SELECT owner, session, count(*) AS n_pages, sum(attention_s) AS attention_s,
                arg_max(attention_s, began) AS last_attention_s
              FROM pages GROUP BY owner, session
            ), of_events AS (
              SELECT owner, session, min(moment) AS first_at, max(moment) AS last_at,
                max(moment) FILTER (NOT {IS_PING}) AS last_action_at,
                count(*) FILTER ({IS_VIEW}) AS n_views,
                count(*) FILTER (event_type IN ({_listed(INTERACTIONS)})) AS n_interactions,
                count(*) FILTER (event_type IN ({_listed(INTERACTIONS)})
                  AND event_type NOT IN ({_listed(NO_ACTIONS)})) AS n_actions,
                count(*) FILTER (event_type IN ({_listed(AUTOCAPTURED)})) AS n_captured,
                bool_or(is_conversion) AS is_converted, bool_or(is_dropped) AS is_dropped,
                arg_max(user_id, (moment, event_id)) FILTER (user_id IS NOT NULL) AS told_user,
                arg_max(visitor_id, (moment, event_id)) AS visitor_id,
                arg_max(actor_id, (moment, event_id)) AS actor_id
              FROM cut GROUP BY owner, session
            ), known AS (
              SELECT of_events.*, coalesce(n_pages, 0) AS n_pages,
                coalesce(attention_s, 0) AS attention_s,
                coalesce(last_attention_s, 0) AS last_attention_s
              FROM of_events LEFT JOIN of_pages USING (owner, session)
            ), sessions AS (
              SELECT *, {_visitor(rules.identity)} AS visitor FROM known
              WHERE {counts} AND first_at < {self._end} AND {last_day} >= {self._start}
            ), people AS (
              SELECT {_visitor(rules.identity, "cut")} AS visitor, is_conversion
              FROM cut JOIN known USING (owner, session)
              WHERE moment {self._day} AND NOT cut.is_dropped
            )
            """

    def _attention(self) -> str:
        """Seconds of attention of a page view, as our own page views have them."""
        heartbeat_s, first_s = self._policy.heartbeat_s, self._policy.minimum_visit_s
        slots = f"count(DISTINCT moment // {heartbeat_s * S}) FILTER ({IS_PING})"
        return f"CASE WHEN {slots} > 0 THEN {heartbeat_s} * ({slots} - 1) + {first_s} ELSE 0 END"

    def _figures(self, kpi: Kpi, rules: Tool) -> str:
        """Numerator and denominator."""
        if kpi is kpis.PAGE_VIEWS:
            return f"SELECT count(*), NULL FROM {self._page_views(rules)} AND NOT is_dropped"
        people, visitors = "count(DISTINCT visitor)", kpi is kpis.UNIQUE_VISITORS
        if visitors or (kpi is kpis.CONVERSION_RATE and rules.conversion.of == "visitors"):
            converted = f"{people} FILTER (is_conversion), {people}"
            return f"SELECT {f'{people}, NULL' if visitors else converted} FROM people"
        is_bounce, is_counted = _bounce(rules.bounce)
        sums = {
            kpis.SESSIONS_PER_USER: f"count(*), {people}",
            kpis.AVERAGE_SESSION_DURATION: f"coalesce(sum({_duration_s(rules)}), 0), count(*)",
            kpis.CONVERSION_RATE: "count(*) FILTER (is_converted), count(*)",
            kpis.BOUNCE_RATE: f"count(*) FILTER (({is_bounce}) AND {is_counted}), "
            f"count(*) FILTER ({is_counted})",
        }
        return f"SELECT {sums[kpi]} FROM sessions"

    def _page_views(self, rules: Tool) -> str:
        """What is a page view of the day, and where it stands."""
        if rules.page_views.counts == "events":
            return f"cut WHERE {IS_VIEW} AND moment {self._day}"
        is_told = "is_told" if rules.page_views.counts == "ids" else "true"
        return f"pages WHERE {is_told} AND first_at {self._day}"


def _heard(rules: Tool) -> str:
    """The events that reach the tool, with whose session they are of."""
    kept = ["true"]
    if not rules.bot_view.of_whole_visits:
        kept.append("NOT is_dropped")
    if not rules.session_cut.hears_pings:
        kept.append(f"NOT {IS_PING}")
    owner = "visitor_id" if rules.identity.sessions_of == "visitor" else "actor_id"
    return f"""
        marked AS (SELECT *, {owner} AS owner, {_dropped(rules.bot_view)} AS is_dropped FROM told),
        heard AS (SELECT * FROM marked WHERE {" AND ".join(kept)})
        """


def _dropped(rule: BotView) -> str:
    is_program = f"list_has_any(reasons, [{_listed(rule.reasons)}]::VARCHAR[])"
    return f"({is_program} OR is_internal)" if rule.drops_internal else is_program


def _cut(rule: SessionCut) -> str:
    """Relation `cut`: events with their session."""
    by = "owner" if rule.client_days is None else "owner, client_session_id"
    starts = f"moment - lag(moment) OVER (PARTITION BY {by} {IN_TIME}) > {rule.gap_s * S}"
    if rule.at_midnight:
        starts += f" OR side <> lag(side) OVER (PARTITION BY {by} {IN_TIME})"
    gaps = f"""
        gaps AS (SELECT *, coalesce({starts}, true) AS is_first FROM heard),
        numbered AS (
          SELECT *, sum(is_first::INT) OVER (PARTITION BY {by} {IN_TIME} {SO_FAR}) AS number
          FROM gaps
        )
        """
    if rule.client_days is not None:
        return f"{gaps}, {_by_client(rule.client_days)}"
    if rule.campaign:
        return f"{gaps}, {_by_campaign('owner, number' if rule.campaign == 'session' else 'owner')}"
    part = "''"
    if rule.longest_h:
        since = "moment - min(moment) OVER (PARTITION BY owner, number)"
        part = f"'/' || ({since}) // {rule.longest_h * HOUR}"
    return f"{gaps}, cut AS (SELECT *, number || {part} AS session FROM numbered)"


def _by_client(days: int) -> str:
    """Sessions of the client; events without one are cut as by pauses, apart from the others."""
    session = "coalesce('client ' || client_session_id, 'pause ' || number)"
    return f"""
        named AS (SELECT *, {session} AS session FROM numbered),
        cut AS (
          SELECT * FROM named
          QUALIFY moment - min(moment) OVER (PARTITION BY owner, session) <= {days * DAY}
        )
        """


def _by_campaign(by: str) -> str:
    """Sessions that another campaign ends, too, than the last one told."""
    last = f"last_value(campaign IGNORE NULLS) OVER (PARTITION BY {by} {IN_TIME} {BEFORE})"
    return f"""
        campaigns AS (
          SELECT *,
            is_first OR (campaign IS NOT NULL AND campaign IS DISTINCT FROM {last}) AS starts
          FROM numbered
        ),
        cut AS (
          SELECT *, (sum(starts::INT) OVER (PARTITION BY owner {IN_TIME} {SO_FAR}))::VARCHAR
            AS session
          FROM campaigns
        )
        """


def _visitor(rule: Identity, event: str = "") -> str:
    """Who a session is of, or an event in it."""
    of = f"{event}." if event else ""
    if rule.visitor == "told":
        return f"coalesce(told_user, {of}actor_id)"
    return f"{of}visitor_id" if rule.visitor == "stitched" else f"{of}actor_id"


def _duration_s(rules: Tool) -> str:
    if rules.duration.until == "action":
        return f"greatest(coalesce(last_action_at, first_at) - first_at, 0) // {S}"
    span_s = f"(last_at - first_at) // {S}"
    return f"{span_s} + last_attention_s" if rules.duration.until == "attention" else span_s


def _bounce(rule: Bounce) -> tuple[str, str]:
    """Which sessions are bounces, and of which."""
    if isinstance(rule, OnlyPage):
        return "n_pages = 1 AND n_interactions = 0", "true"
    if isinstance(rule, OnlyAction):
        return "n_views + n_actions <= 1", "true"
    if isinstance(rule, NotEngaged):
        return f"n_views < 2 AND NOT is_converted AND attention_s < {rule.under_s}", "true"
    is_short = f"(last_at - first_at) // {S} < {rule.under_s}"
    return f"n_views = 1 AND n_captured = 0 AND {is_short}", "n_views > 0"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(literal, names))
