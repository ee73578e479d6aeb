"""The web tables by an independent reading of the same landing files.

DuckDB SQL, and Python where SQL cannot, written from the definitions, not from the transforms: it
shares no code with the package.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from datetime import UTC
from decimal import Decimal
from math import isclose
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import web_oracle_paths as paths
import web_oracle_reading as reading
from web_oracle_gold import CREDITED, FUNNELS, GOLD, JOURNEYS
from web_oracle_kpis import KPIS
from web_oracle_silver import SILVER

Row = dict[str, Any]
PROPERTIES = (
    *("page_url", "page_title", "referrer", "page_id", "gclid", "fbclid", "msclkid"),
    *("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content"),
    *("element", "target_url", "form_id", "video_id", "action", "method", "product_id"),
    *("category", "currency", "discount_code"),
)
VITALS_MS = ("load_ms", "ttfb_ms", "lcp_ms", "inp_ms", "fid_ms")
TYPED = {
    "timestamp": ("timestamp", "timestamptz"),
    "sent_at": ("sent_at", "timestamptz"),
    "received_at": ("received_at", "timestamptz"),
    "is_outbound": ("properties.is_outbound", "boolean"),
    "price": ("properties.price", "decimal(18, 2)"),
    "quantity": ("properties.quantity", "int"),
    "total_amount": ("properties.transaction.total_amount", "decimal(18, 2)"),
    "consent_analytics": ("consent.analytics", "boolean"),
    "consent_marketing": ("consent.marketing", "boolean"),
    **{
        name: (f"properties.{name}", "double")
        for name in (*VITALS_MS, "cls", "depth_pct", "position_s", "length_s")
    },
}
TOLD = {
    **{
        name: f"told(line, '$.{name}')"
        for name in (
            *("event_id", "event_type", "anonymous_id", "user_id"),
            *("session_id", "page_view_id"),
        )
    },
    **{name: f"told(line, '$.properties.{name}')" for name in PROPERTIES},
    **{
        name: f"coalesce(told(line, '$.properties.{name}'), told(line, '$.properties.{other}'))"
        for name, other in (("form_step", "step"), ("event_name", "name"), ("event_value", "value"))
    },
    **{
        name: f"told(line, '$.properties.transaction.{name}')"
        for name in ("order_id", "payment_method")
    },
    **{
        name: f"told(line, '$.context.{name}')"
        for name in ("app_version", "platform", "locale", "ip", "user_agent", "domain")
    },
}
VALID = f"""
    event_id IS NOT NULL AND "timestamp" IS NOT NULL
    AND event_type IN ('page_view', 'page_ping', 'click', 'scroll', 'form_submit', 'video_play',
        'custom_event', 'signup', 'product_view', 'add_to_cart', 'purchase', 'refund', 'web_vitals')
    AND coalesce(anonymous_id, user_id) IS NOT NULL
    AND least("timestamp", sent_at, received_at) >= '2000-01-01'
    AND coalesce(event_at <= received_at + INTERVAL 24 HOURS, true) AND event_at >= '2000-01-01'
    AND (event_type <> 'scroll' OR depth_pct IS NOT NULL)
    AND (event_type <> 'form_submit' OR form_id IS NOT NULL)
    AND (event_type <> 'video_play' OR video_id IS NOT NULL)
    AND (event_type <> 'custom_event' OR event_name IS NOT NULL)
    AND (event_type NOT IN ('purchase', 'refund')
         OR (order_id IS NOT NULL AND total_amount IS NOT NULL AND currency IS NOT NULL))
    AND coalesce(depth_pct BETWEEN 0 AND 100, true)
    AND coalesce(form_step IN ('started', 'submitted', 'failed'), true)
    AND coalesce(price >= 0, true) AND coalesce(quantity >= 1, true)
    AND coalesce(total_amount > 0, true) AND coalesce(cls BETWEEN 0 AND 1000, true)
    AND coalesce(regexp_full_match(currency, '[A-Z]{{3}}'), true)
    AND {" AND ".join(f"coalesce({name} BETWEEN 0 AND 86400000, true)" for name in VITALS_MS)}
"""
DEFAULTS: dict[str, Row] = {
    "clock": {"max_late_days": None, "reporting_time_zone": "UTC"},
    "visits": {
        "mode": "gap",
        "gap_s": 1800,
        "campaign_starts_session": False,
        "max_session_days": 3,
        "engaged_s": 10,
    },
    "engagement": {
        "heartbeat_s": 10,
        "minimum_visit_s": 5,
        "full_time_s": 180,
        "full_pages": 5,
    },
    "bots": {
        "max_events_per_minute": 60,
        "views_without_signal": 10,
        "regular_events": 20,
        "regular_spread_ms": 50,
    },
    "internal": {"hosts": []},
    "sites": {"own_domains": []},
    "attribution": {"conversions": ["purchase", "signup"]},
    "money": {"reporting_currency": "EUR"},
}
"""Keys of policies that SQL asks for, by section."""
MADE = {
    "silver.web_identities": "identities",
    "silver.currency_rates": "rates",
    "silver.web_events": "events",
    "silver.web_orders": "orders",
    "silver.web_conversions": "conversions",
    "silver.page_views": "page_views",
    "silver.web_sessions": "sessions",
    "silver.funnel_steps": "funnel_steps",
    **{
        f"gold.{name}": name
        for name in (
            *("page_metrics", "page_performance", "web_5min", "traffic_sources", "web_devices"),
            *("web_regions", "revenue", "web_customers", "ltv_cohorts", "identity_quality"),
            *("lateness", "web_kpis", "funnel_conversion", "visitor_journeys", "top_paths"),
            *("attribution", "channel_attribution"),
        )
    },
}
"""Table → the oracle's table with the same columns, or with some of them."""
LOOSE = {
    "gold.page_performance": (0, 1e-6),  # rounded to six places
    "gold.attribution": (2e-4, 1e-5),  # weights are whole millionths
    "gold.channel_attribution": (2e-4, 1e-5),
}
"""Table → how far its doubles may be off, in parts and as such; the others by their last bits."""


class WebOracle:
    """The web tables of a landing folder and a folder of policies."""

    def __init__(self, raw: Path, reference: Path) -> None:
        self.db = duckdb.connect()
        self.db.execute("SET TimeZone = 'UTC'")
        told = tomllib.loads((reference / "web.toml").read_text(encoding="utf-8"))
        self.hosts = reading.Hosts(reference / "referrer_hosts.csv")
        self._decide(told)
        self._load_events([*map(str, sorted(raw.glob("web_events*/*.jsonl")))])
        self._load_rates([*map(str, sorted(raw.glob("currency_rates*/*.csv")))])
        self._describe(told)
        for script in (SILVER, GOLD):
            self.db.execute(script)
        self._walk(told)
        for script in (FUNNELS, KPIS, JOURNEYS, CREDITED):
            self.db.execute(script)

    def _decide(self, told: Row) -> None:
        """Policies as variables of SQL."""
        for section, names in DEFAULTS.items():
            for name, default in names.items():
                self._set(name, told.get(section, {}).get(name, default))
        weights = {"time": 40, "pages": 25, "scroll": 15, "conversions": 20}
        weights |= told.get("engagement", {}).get("weights", {})
        for name, points in weights.items():
            self._set(f"weight_of_{name}", points)
        pairs = told.get("stitching", {}).get("unmerge", [])
        self._register(
            "unmerged",
            {name: [pair[name] for pair in pairs] for name in ("anonymous_id", "user_id")},
        )

    def _set(self, name: str, value: object) -> None:
        self.db.execute(f"SET VARIABLE {name} = $1", [value])

    def _register(self, name: str, columns: dict[str, list[Any]]) -> None:
        """Make a table of columns; one without a value is of text."""
        table = pa.table(
            {
                key: pa.array(values, None if any(v is not None for v in values) else pa.string())
                for key, values in columns.items()
            }
        )
        self.db.register("given", table)
        self.db.execute(f"CREATE TABLE {name} AS FROM given")
        self.db.unregister("given")

    def _load_events(self, files: list[str]) -> None:
        self.db.execute("""
            CREATE MACRO told(line, path) AS CASE WHEN json_extract_string(line, path) NOT IN
                ('', '\\N', 'NULL', 'null', 'undefined', 'NaN', 'nan')
                THEN json_extract_string(line, path) END""")
        typed = {name: f"told(line, '$.{path}')" for name, (path, _) in TYPED.items()}
        cast = ", ".join(
            f'try_cast("{name}" AS {kind})'
            + (" AT TIME ZONE 'UTC'" if kind == "timestamptz" else "")
            + f' AS "{name}"'
            for name, (_, kind) in TYPED.items()
        )
        readable = " AND ".join(
            f'("{name}" IS NULL OR try_cast("{name}" AS {kind}) IS NOT NULL)'
            for name, (_, kind) in TYPED.items()
        )
        texts = ", ".join(f'{query} AS "{name}"' for name, query in (TOLD | typed).items())
        self.db.execute(f"""
            CREATE TABLE landed AS
            WITH lines AS (
                SELECT unnest(string_split(content, chr(10))) AS line FROM read_text({files})
            ),
            texts AS (SELECT {texts} FROM lines WHERE json_valid(line)),
            typed AS (
                SELECT * REPLACE ({cast}, upper(currency) AS currency) FROM texts WHERE {readable}
            ),
            timed AS (
                SELECT *, coalesce(received_at - (sent_at - "timestamp"), "timestamp") AS event_at,
                       event_at::date AS event_date,
                       coalesce(anonymous_id, user_id) AS actor_id
                FROM typed
            )
            SELECT DISTINCT * FROM timed WHERE {VALID}""")

    def _load_rates(self, files: list[str]) -> None:
        self.db.execute(f"""
            CREATE TABLE landed_rates AS
            WITH rows AS (
                SELECT string_split(unnest(string_split(content, chr(10))), ',') AS cells
                FROM read_text({files or ["/dev/null"]})
            )
            SELECT DISTINCT upper(cells[1]) AS currency, try_cast(cells[2] AS date) AS rate_date,
                   try_cast(cells[3] AS decimal(18, 8)) AS rate
            FROM rows
            WHERE len(cells) = 3 AND regexp_full_match(cells[1], '[A-Za-z]{{3}}')
              AND rate_date >= '1990-01-01' AND rate > 0""")

    def _describe(self, told: Row) -> None:
        """What there is to know of each distinct agent, address, page and source."""
        agents = self._distinct("user_agent")
        found = [reading.agent(each) for each in agents]
        names = ("browser", "version", "os", "device_type", "is_listed")
        self._register("agents", {"user_agent": agents, **columns(names, found)})
        addresses = self._distinct("ip")
        self._register(
            "addresses", {"ip": addresses, "network": [*map(reading.network, addresses)]}
        )
        self.db.execute(
            "CREATE OR REPLACE TABLE landed AS SELECT l.* EXCLUDE (ip), network FROM landed AS l "
            "LEFT JOIN addresses USING (ip)"
        )
        networks = [each for each in self._distinct("network") if each]
        places = told.get("places", {}).get("networks", [])
        found = [
            (
                *reading.place(each, places),
                any(reading.lies_in(each, n) for n in told.get("bots", {}).get("data_centres", [])),
                any(reading.lies_in(each, n) for n in told.get("internal", {}).get("networks", [])),
            )
            for each in networks
        ]
        names = ("country", "region", "city", "is_data_centre", "is_internal")
        self._register("networks", {"network": networks, **columns(names, found)})
        pages = self._distinct("page_url")
        found = [*map(reading.page, pages)]
        self._register("pages", {"address": pages, **columns(("host", "path", "site"), found)})
        referrers = self._distinct("referrer")
        sites = [reading.page(each) for each in referrers]
        known = [self.hosts.of_host(host) or {} for host, _, _ in sites]
        self._register(
            "referrers",
            {
                "address": referrers,
                "site": [site for _, _, site in sites],
                "name": [each.get("name") for each in known],
                "kind": [each.get("kind") for each in known],
            },
        )
        sources = [*self._distinct("utm_source"), "google", "bing", "facebook", "(direct)"]
        sources += [
            (each.get("name") or site or "").lower()
            for each, (_, _, site) in zip(known, sites, strict=True)
        ]
        sources = sorted({each for each in sources if each})
        kinds = [self.hosts.of_source(each) for each in sources]
        self._register("kinds", {"source": sources, "kind": kinds})

    def _distinct(self, column: str) -> list[Any]:
        found = self.db.execute(f"SELECT DISTINCT {column} FROM landed ORDER BY ALL").fetchall()
        return [value for (value,) in found]

    def _walk(self, told: Row) -> None:
        """Funnels and attribution, which are searched in Python."""
        funnels = told.get("funnels", [])
        visits = self.rows("FROM visits WHERE is_counted ORDER BY visitor_id, event_at, event_id")
        sessions = self.rows("FROM sessions")
        steps = [*paths.funnel_steps(visits, sessions, funnels)]
        self._insert("funnel_steps", steps)
        self._register(
            "funnels",
            {
                "funnel_id": [each["id"] for each in funnels],
                "window_s": [each.get("window_s", 86_400) for each in funnels],
                "n_steps": [len(each["steps"]) for each in funnels],
            },
        )
        declared = [
            (each["id"], number, step["name"])
            for each in funnels
            for number, step in enumerate(each["steps"], start=1)
        ]
        self._register("declared", columns(("funnel_id", "step", "step_name"), declared))
        policy = {"lookback_days": 30, "half_life_days": 7, "first_rate": 0.4, "last_rate": 0.4}
        policy |= told.get("attribution", {})
        conversions = self.rows("FROM conversions")
        self._insert("attribution", [*paths.attribution(conversions, sessions, policy)])

    def _insert(self, name: str, rows: list[Row]) -> None:
        assert rows, name
        self.db.register("given", pa.Table.from_pylist(rows))
        self.db.execute(f"CREATE TABLE {name} AS FROM given")
        self.db.unregister("given")

    def rows(self, query: str) -> list[Row]:
        """Rows of a query."""
        found = self.db.execute(query)
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def differences(self, table: str, found: Iterable[Row], keys: tuple[str, ...]) -> list[str]:
        """What a table has otherwise than the oracle, a line for each key."""
        ours = {key_of(row, keys): row for row in self.rows(f"FROM {MADE[table]}")}
        theirs = {key_of(row, keys): row for row in map(plain, found)}
        lines = [f"missing {key}" for key in sorted(ours.keys() - theirs.keys())]
        lines += [f"surplus {key}" for key in sorted(theirs.keys() - ours.keys())]
        for key in sorted(ours.keys() & theirs.keys()):
            unlike = [
                f"{name}: {value!r}, by the definition {ours[key][name]!r}"
                for name, value in theirs[key].items()
                if not is_same(value, ours[key][name], *LOOSE.get(table, (1e-9, 1e-9)))
            ]
            if unlike:
                lines.append(f"{key}: {'; '.join(unlike)}")
        return lines


def columns(names: tuple[str, ...], rows: list[Any]) -> dict[str, list[Any]]:
    """Rows as columns."""
    return {name: [row[place] for row in rows] for place, name in enumerate(names)}


def plain(row: Row) -> Row:
    """Moments without their zone, as DuckDB has them."""
    return {
        name: value.astimezone(UTC).replace(tzinfo=None)
        if getattr(value, "tzinfo", None)
        else value
        for name, value in row.items()
    }


def key_of(row: Row, keys: tuple[str, ...]) -> tuple[str, ...]:
    """The key of a row, as texts, which can be sorted."""
    return tuple(str(row[key]) for key in keys)


def is_same(found: object, wanted: object, in_parts: float, in_all: float) -> bool:
    """Whether two values are the same; doubles are added and divided in another order."""
    if isinstance(found, float) and isinstance(wanted, (float, int, Decimal)):
        return isclose(found, wanted, rel_tol=in_parts, abs_tol=in_all)
    return found == wanted
