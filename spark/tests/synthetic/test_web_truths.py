"""The web domain: what truth.json claims is what the files show."""

from __future__ import annotations

import csv
from decimal import Decimal

import pytest

from lakehouse.synthetic import Arguments, generate

from .web_landing import WebLanding

CHANNEL = """CASE
    WHEN utm_medium = 'cpc' OR gclid IS NOT NULL THEN 'Paid Search'
    WHEN utm_medium = 'paid_social' THEN 'Paid Social'
    WHEN utm_medium = 'email' THEN 'Email'
    WHEN utm_medium = 'display' THEN 'Display'
    WHEN utm_medium = 'affiliate' THEN 'Affiliates'
    WHEN utm_medium = 'push' THEN 'Push'
    WHEN referrer IS NULL OR referrer LIKE '%example.org%' THEN 'Direct'
    WHEN referrer LIKE '%mail.google.com%' THEN 'Email'
    WHEN regexp_matches(referrer, 'google|bing|duckduckgo') THEN 'Organic Search'
    WHEN regexp_matches(referrer, 't\\.co/|linkedin|reddit') THEN 'Organic Social'
    WHEN referrer LIKE '%youtube%' THEN 'Organic Video'
    WHEN referrer LIKE '%idealo%' THEN 'Organic Shopping'
    ELSE 'Referral' END"""
STEPS = """
    SELECT visitor, visit, any_value(device_type) AS device_type, min(happened_at)::date AS day,
        bool_or(event_type = 'product_view') AS product,
        bool_or(event_type = 'add_to_cart') AS cart,
        bool_or(event_type = 'page_view' AND page_url LIKE '%/checkout') AS checkout,
        bool_or(event_type = 'purchase') AS purchase
    FROM events
    GROUP BY visitor, visit
"""
REACHED = ", ".join(
    f"count(*) FILTER ({step})" for step in ("product", "cart", "checkout", "purchase")
)


@pytest.fixture(scope="module")
def web(tmp_path_factory):
    out = tmp_path_factory.mktemp("web")
    arguments = Arguments(
        users=4_000, web_events=40_000, days=60, dirty=0.02, seed=3, domains=("web",)
    )
    landing = WebLanding(out, generate(arguments, out).truth["web"])
    yield landing
    landing.sql.close()


@pytest.fixture(scope="module")
def truth(web):
    return web.truth


def test_there_are_exactly_as_many_events_as_asked_for(web):
    assert web.counts["clean_rows"] == 40_000
    assert web.row("SELECT count(*), count(DISTINCT event_id) FROM events") == (40_000, 40_000)


def test_every_type_of_event_occurs_as_often_as_recorded(web, truth):
    found = dict(web.rows("SELECT event_type, count(*) FROM events GROUP BY 1"))
    assert found == truth["events_by_type"]
    assert min(found.values()) > 0


def test_visits_are_the_sessions_of_any_rule_and_some_run_over_midnight(web, truth):
    sessions, across, bounces = web.row(
        """
        SELECT count(*), count(*) FILTER (first_day <> last_day), count(*) FILTER (is_bounce) FROM (
            SELECT min(happened_at)::date AS first_day, max(happened_at)::date AS last_day,
                count(*) FILTER (event_type = 'page_view') = 1
                    AND bool_and(event_type IN ('page_view', 'page_ping', 'web_vitals'))
                    AS is_bounce
            FROM events GROUP BY visitor, visit)
        """
    )
    assert sessions == truth["sessions"]["sessions"]["all"]
    assert across == truth["sessions"]["across_midnight"] > 5
    assert bounces == truth["sessions"]["bounces"] > 100
    assert web.row("SELECT count(DISTINCT client_session) FROM events") == (sessions,)


def test_visits_of_a_visitor_are_separated_by_an_hour_or_more(web):
    (least,) = web.row("SELECT min(gap_ms) FROM events WHERE gap_ms > 1800000")
    (most,) = web.row("SELECT max(gap_ms) FROM events WHERE gap_ms <= 1800000")
    assert least > 3_590_000
    assert most < 600_000


def devices_of(truth, kind):
    return truth["bots"][kind]["anonymous_ids"]


def test_listed_bots_name_themselves(web, truth):
    assert web.devices("agent LIKE '%ot/%'") == devices_of(truth, "listed_agent") != []


def test_fast_bots_send_more_than_sixty_events_in_a_minute_of_the_clock_and_nobody_else(web, truth):
    found = web.rows(
        """SELECT DISTINCT anonymous_id FROM events
        GROUP BY anonymous_id, time_bucket(INTERVAL 1 MINUTE, happened_at)
        HAVING count(*) > 60 ORDER BY 1"""
    )
    assert [each for (each,) in found] == devices_of(truth, "too_fast") != []


def test_silent_bots_look_at_many_pages_without_a_sign_of_life_and_nobody_else(web, truth):
    found = web.rows(
        """SELECT DISTINCT anonymous_id FROM events WHERE agent NOT LIKE '%ot/%'
        GROUP BY anonymous_id, happened_at::date
        HAVING count(*) FILTER (event_type = 'page_view') >= 10
            AND count(*) FILTER (event_type IN ('page_ping', 'scroll')) = 0 ORDER BY 1"""
    )
    assert [each for (each,) in found] == devices_of(truth, "no_signal") != []


def test_some_bots_come_from_the_data_centre(web, truth):
    assert web.devices("ip LIKE '198.51.100.%'") == devices_of(truth, "data_centre") != []


def test_our_own_people_come_from_the_office_and_some_look_at_staging(web, truth):
    own = web.devices("ip LIKE '192.0.2.%'")
    assert own == truth["internal"]["anonymous_ids"] != []
    assert set(web.devices("host = 'staging.example.com'")) <= set(own)
    assert web.devices("host = 'staging.example.com'") != []


@pytest.mark.parametrize("kind", ["listed_agent", "too_fast", "no_signal", "data_centre"])
def test_what_bots_sent_is_counted(kind, web, truth):
    ids = devices_of(truth, kind)
    found = web.sql.execute(
        "SELECT count(*), count(DISTINCT client_session) FROM events "
        "WHERE list_contains(?, anonymous_id)",
        [ids],
    ).fetchall()
    told = truth["bots"][kind]
    assert found == [(told["events"], told["sessions"])]
    assert told["devices"] == len(ids)


def test_devices_are_never_known_known_later_or_known_at_once(web, truth):
    told = truth["identities"]
    never, never_events = web.row(
        """SELECT count(DISTINCT anonymous_id), count(*) FROM events JOIN owners
        USING (anonymous_id) WHERE users = 0"""
    )
    later, without_user, at_once = web.row(
        """
        WITH firsts AS (
            SELECT anonymous_id, arg_min(user_id IS NULL, happened_at) AS starts_unnamed,
                count(*) FILTER (user_id IS NULL) AS without_user
            FROM events GROUP BY 1)
        SELECT count(*) FILTER (starts_unnamed), sum(without_user) FILTER (starts_unnamed),
            count(*) FILTER (NOT starts_unnamed)
        FROM firsts JOIN owners USING (anonymous_id) WHERE users = 1
        """
    )
    assert (never, never_events) == (told["never_known"]["devices"], told["never_known"]["events"])
    assert later == told["known_later"]["devices"] > 100
    assert without_user == told["known_later"]["events_without_user"] > 1_000
    assert at_once == told["known_at_once"]["devices"] > 20


def test_some_devices_are_shared_and_some_users_have_two(web, truth):
    told = truth["identities"]
    shared = web.devices("anonymous_id IN (SELECT anonymous_id FROM owners WHERE users = 2)")
    assert shared == told["shared_devices"]["anonymous_ids"] != []
    assert web.row("SELECT max(users) FROM owners") == (2,)
    turns = web.rows(
        """SELECT anonymous_id FROM (
            SELECT anonymous_id, user_id, lag(user_id) OVER (
                PARTITION BY anonymous_id ORDER BY happened_at) AS before
            FROM events WHERE user_id IS NOT NULL)
        WHERE user_id <> before GROUP BY 1 HAVING count(*) > 2"""
    )
    assert turns, "in turn, not one after the other"
    (two,) = web.row(
        """SELECT count(*) FROM (SELECT user_id FROM events WHERE user_id IS NOT NULL
        GROUP BY 1 HAVING count(DISTINCT anonymous_id) = 2)"""
    )
    assert two == told["users_with_two_devices"] > 10


def test_users_and_visitors_are_counted(web, truth):
    told = truth["identities"]
    users, devices = web.row(
        "SELECT count(DISTINCT user_id), count(DISTINCT anonymous_id) FROM events"
    )
    assert (users, devices) == (told["users"], told["devices"])
    assert told["visitors"] == users + told["never_known"]["devices"]


def test_no_user_comes_before_having_signed_up(tmp_path):
    generate(Arguments(users=400, events=4_000, days=30, dirty=0, seed=5), tmp_path)
    web = WebLanding(tmp_path, {"sources": {"web_events": {}}})
    early = web.rows(
        f"""SELECT * FROM events JOIN read_json('{tmp_path}/user_signups.jsonl') s USING (user_id)
        WHERE events.happened_at::date < s.signup_date::date"""
    )
    assert early == []
    assert web.row("SELECT count(DISTINCT user_id) FROM events")[0] > 20


def by_channel(web, condition="true"):
    return dict(
        web.rows(
            f"""SELECT channel, count(*) FROM (
                SELECT visitor, visit, arg_min({CHANNEL}, (happened_at, event_type <> 'page_view'))
                    AS channel, any_value(anonymous_id) AS anonymous_id
                FROM events GROUP BY 1, 2) WHERE {condition} GROUP BY 1"""
        )
    )


def test_sessions_come_through_the_channels_as_recorded(web, truth):
    told = truth["channels"]["sessions"]
    bots = [each for kind in truth["bots"].values() for each in kind["anonymous_ids"]]
    own = truth["internal"]["anonymous_ids"]
    assert by_channel(web) == told["all"]
    assert by_channel(web, f"NOT list_contains({bots}, anonymous_id)") == told["human"]
    assert by_channel(web, f"NOT list_contains({bots + own}, anonymous_id)") == told["strict"]


def test_the_mix_of_channels_is_the_planted_one(truth):
    told = truth["channels"]["sessions"]["strict"]
    total = sum(told.values())
    for channel, share in truth["channels"]["planted_share"].items():
        assert told.get(channel, 0) / total == pytest.approx(share, abs=0.03)
    assert sum(truth["channels"]["planted_share"].values()) == pytest.approx(1)


def test_the_checkout_funnel_is_the_recorded_one(web, truth):
    funnel = truth["funnel"]
    names = tuple(funnel["sessions"])
    assert names == ("product", "cart", "checkout", "purchase")
    found = web.row(f"SELECT {REACHED} FROM ({STEPS})")
    assert dict(zip(names, found, strict=True)) == funnel["sessions"]
    for device, *reached in web.rows(f"SELECT device_type, {REACHED} FROM ({STEPS}) GROUP BY 1"):
        assert dict(zip(names, reached, strict=True)) == funnel["sessions_by_device"][device]


def test_steps_of_the_funnel_are_taken_in_order(web):
    out_of_order = web.rows(
        """
        SELECT * FROM (
            SELECT min(happened_at) FILTER (event_type = 'product_view') AS product,
                min(happened_at) FILTER (event_type = 'add_to_cart') AS cart,
                min(happened_at) FILTER (event_type = 'page_view' AND page_url LIKE '%/checkout')
                    AS checkout,
                min(happened_at) FILTER (event_type = 'purchase') AS purchase
            FROM events GROUP BY visitor, visit)
        WHERE product >= cart OR cart >= checkout OR checkout >= purchase
            OR purchase - checkout > INTERVAL 1 HOUR
        """
    )
    assert out_of_order == []


def test_outside_the_incident_the_steps_have_the_planted_rates(web, truth):
    told, incident = truth["funnel"]["sessions"], truth["incident"]["sessions"]
    usual = [told[step] - incident[step] for step in told]
    for rate, before, after in zip(
        truth["funnel"]["step_rates"].values(), usual[:-1], usual[1:], strict=True
    ):
        assert after / before == pytest.approx(rate, abs=0.07)


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """Enough visits for what happens on a few days."""
    out = tmp_path_factory.mktemp("many")
    arguments = Arguments(users=100, web_events=60_000, days=20, dirty=0, seed=3, domains=("web",))
    landing = WebLanding(out, generate(arguments, out).truth["web"])
    yield landing
    landing.sql.close()


def test_in_the_incident_far_fewer_mobile_visits_get_through_the_checkout(many):
    incident = many.truth["incident"]
    inside = (
        f"day BETWEEN '{incident['from']}' AND '{incident['to']}' "
        f"AND device_type = '{incident['device_type']}'"
    )
    found = many.row(f"SELECT {REACHED} FROM ({STEPS}) WHERE {inside}")
    assert dict(zip(incident["sessions"], found, strict=True)) == incident["sessions"]
    product, cart, checkout, purchase = found
    rates = many.truth["funnel"]["step_rates"]
    assert cart / product == pytest.approx(rates["cart"], abs=0.15)
    assert checkout / cart < 0.6 * rates["checkout"]
    assert purchase <= checkout * 0.6
    assert incident["steps"] == ["checkout", "purchase"]


def test_without_incidents_none_is_planted(tmp_path):
    arguments = Arguments(
        users=10, web_events=20_000, days=10, dirty=0, domains=("web",), incidents="none"
    )
    truth = generate(arguments, tmp_path).truth["web"]
    assert truth["incident"] is None
    web = WebLanding(tmp_path, truth)
    _, cart, checkout, _ = web.row(f"SELECT {REACHED} FROM ({STEPS}) WHERE device_type = 'mobile'")
    assert checkout / cart == pytest.approx(truth["funnel"]["step_rates"]["checkout"], abs=0.1)


def test_orders_and_refunds_of_each_currency_are_the_recorded_ones(web, truth):
    found = {
        currency: {
            "orders": orders,
            "amount": Decimal(str(amount or 0)),
            "refunds": refunds,
            "refunded": Decimal(str(refunded or 0)),
        }
        for currency, orders, amount, refunds, refunded in web.rows(
            """SELECT currency, count(*) FILTER (event_type = 'purchase'),
                sum(amount::decimal(18, 2)) FILTER (event_type = 'purchase'),
                count(*) FILTER (event_type = 'refund'),
                sum(amount::decimal(18, 2)) FILTER (event_type = 'refund')
            FROM events WHERE event_type IN ('purchase', 'refund') GROUP BY 1"""
        )
    }
    told = truth["money"]["by_currency"]
    for currency, each in told.items():
        if each["orders"]:
            exact = each | {name: Decimal(each[name]) for name in ("amount", "refunded")}
            assert found.pop(currency) == exact
    assert found == {}
    assert told[truth["money"]["unknown_currency"]]["orders"] > 0


def test_each_order_has_an_id_of_its_own_and_refunds_come_days_later(web):
    orders, ids = web.row(
        "SELECT count(*), count(DISTINCT order_id) FROM events WHERE event_type = 'purchase'"
    )
    assert orders == ids > 50
    refunds = web.rows(
        """SELECT date_diff('hour', p.happened_at, r.happened_at) / 24,
            r.amount::decimal(18, 2) / p.amount::decimal(18, 2),
            r.currency = p.currency AND r.anonymous_id = p.anonymous_id
        FROM events r JOIN events p USING (order_id)
        WHERE r.event_type = 'refund' AND p.event_type = 'purchase'"""
    )
    (all_refunds,) = web.row("SELECT count(*) FROM events WHERE event_type = 'refund'")
    assert len(refunds) == all_refunds > 3
    for days, share, is_same in refunds:
        assert 1.9 < days < 14.3
        assert is_same
        assert float(share) == pytest.approx(1, abs=0.001) or float(share) == pytest.approx(
            0.5, abs=0.01
        )


def test_rates_are_told_for_each_day_and_known_foreign_currency(web):
    with (web.folder / "currency_rates.csv").open(encoding="utf-8") as file:
        rows = {(row["currency"], row["rate_date"]): row["rate"] for row in csv.DictReader(file)}
    known = {key: rate for key, rate in rows.items() if len(key[0]) == 3 and key[1] != "2026-13-45"}
    assert {currency for currency, _ in known} == {"USD", "GBP", "JPY", "CHF"}
    assert len(known) == 4 * 60
    assert 0.7 < float(known["USD", "2026-02-28"]) < 1.2


def test_late_events_are_sent_hours_or_days_after_they_happened(web, truth):
    late, very_late, visits = web.row(
        """SELECT count(*), count(*) FILTER (sent_at - timestamp > INTERVAL 3 DAY),
            count(DISTINCT client_session)
        FROM events WHERE sent_at - timestamp > INTERVAL 1 HOUR"""
    )
    told = truth["lateness"]["late"]
    assert (late, very_late, visits) == (
        *(told["events"], told["events_after_3_days"]),
        told["sessions"],
    )
    assert very_late > 0


def test_clocks_that_are_off_do_not_matter_to_when_events_were_received(web, truth):
    told = truth["lateness"]["clocks_off"]
    off = web.rows(
        """SELECT anonymous_id, count(*),
            any_value(round((epoch_ms(sent_at) - epoch_ms(received_at)) / 3600000)::int)
        FROM events GROUP BY 1
        HAVING min(abs(epoch_ms(sent_at) - epoch_ms(received_at))) > 3000000"""
    )
    assert len(off) == told["devices"] > 5
    assert sum(events for _, events, _ in off) == told["events"]
    assert sorted({hours for _, _, hours in off}) == told["hours"]
    first, last = web.row(
        "SELECT min(received_at)::date::text, max(received_at)::date::text FROM events"
    )
    assert (first, last) == ("2026-01-01", "2026-03-01")


def test_pages_in_use_send_a_heartbeat_every_ten_seconds(web):
    off_beat = web.rows(
        """
        WITH opened AS (
            SELECT page_view_id, timestamp AS opened_at FROM events WHERE event_type = 'page_view')
        SELECT DISTINCT epoch_ms(timestamp) - epoch_ms(opened_at) AS passed_ms
        FROM events JOIN opened USING (page_view_id)
        WHERE event_type = 'page_ping'
            AND (epoch_ms(timestamp) - epoch_ms(opened_at)) % 10000 >= 400
        """
    )
    assert off_beat == []


def test_every_event_belongs_to_a_page_view_and_scrolls_go_down(web):
    (lost,) = web.row(
        """SELECT count(*) FROM events ANTI JOIN (
            SELECT page_view_id FROM events WHERE event_type = 'page_view') USING (page_view_id)"""
    )
    up = web.rows(
        """SELECT * FROM (SELECT depth_pct::int AS depth, lag(depth_pct::int) OVER (
            PARTITION BY page_view_id ORDER BY timestamp) AS before
        FROM events WHERE event_type = 'scroll')
        WHERE depth <= before OR depth NOT BETWEEN 1 AND 100"""
    )
    assert (lost, up) == (0, [])


def test_a_handful_of_events_are_still_exactly_as_many(tmp_path):
    for rows in (0, 1, 2, 7, 60):
        arguments = Arguments(users=3, web_events=rows, days=1, dirty=0, domains=("web",))
        truth = generate(arguments, tmp_path / str(rows)).truth["web"]
        assert truth["sources"]["web_events"]["rows_delivered"] == rows
        lines = (tmp_path / str(rows) / "web_events.jsonl").read_text("utf-8").splitlines()
        assert len(lines) == rows
