"""The web's dashboards: what their queries give on literal rows, and in whose words."""

from __future__ import annotations

import pytest
import yaml
from serving.dashboard_queries import asked, measured

from lakehouse.metrics import attribution, web, web_kpis
from lakehouse.metrics.web_vitals import CORE_VITALS
from lakehouse.serving.dashboards.assets import FOLDER
from lakehouse.transforms.channels import CHANNELS

KPI_COLUMNS = """
    (metric_date, kpi, "view", dimension_name, dimension_value, numerator, denominator, value, unit,
     is_complete)
"""


def kpis(*rows):
    """The mart of KPIs with some rows, which leave out view, unit and is_complete."""
    return (
        f"CREATE TABLE gold.web_kpis AS SELECT * FROM (VALUES {', '.join(rows)}) AS t {KPI_COLUMNS}"
    )


def kpi(
    day,
    name,
    value,
    *,
    view="human",
    of=(None, None),
    numerator=None,
    denominator=None,
    unit="count",
    is_complete=True,
):
    kind, group = (f"'{each}'" if each else "CAST(NULL AS text)" for each in of)
    above, below = (
        "CAST(NULL AS double)" if each is None else f"{each}::double"
        for each in (value if numerator is None else numerator, denominator)
    )
    return (
        f"(DATE '2026-01-{day:02}', '{name}', '{view}', {kind}, {group}, {above}, {below}, "
        f"{value}::double, '{unit}', {is_complete})"
    )


VISITORS = kpis(
    kpi(1, "unique_visitors", 10),
    kpi(1, "unique_visitors", 30, view="all"),
    kpi(1, "unique_visitors", 9, view="strict"),
    kpi(1, "unique_visitors", 4, of=("channel", "Email")),
    kpi(1, "unique_visitors", 7, of=("device_type", "mobile")),
    kpi(2, "unique_visitors", 20),
)


@pytest.mark.parametrize(
    ("chosen", "visitors"),
    [
        ({}, [10, 20]),
        ({"view": ["all"]}, [30]),
        ({"view": ["strict"]}, [9]),
        ({"view": ["human", "all"]}, [10, 20]),
        ({"channel": ["Email"]}, [4]),
        ({"channel": ["Email"], "device_type": ["mobile"]}, [None]),
        ({"country": ["DE"]}, []),
    ],
    ids=["none", "all", "strict", "two views", "a channel", "channel and device", "nobody's"],
)
def test_visitors_are_those_of_one_view_and_one_group(chosen, visitors):
    query = f"SELECT {measured('kpi_days', 'visitors')} FROM q GROUP BY metric_date ORDER BY 1"
    assert asked("kpi_days", chosen, query, VISITORS) == [(each,) for each in visitors]


def test_visitors_of_several_days_are_a_mean_and_rates_a_sum_by_a_sum():
    marts = kpis(
        kpi(1, "unique_visitors", 10),
        kpi(2, "unique_visitors", 20),
        kpi(1, "bounce_rate", 0.5, numerator=5, denominator=10, unit="rate"),
        kpi(2, "bounce_rate", 0.1, numerator=3, denominator=30, unit="rate"),
    )
    metrics = ", ".join(measured("kpi_days", each) for each in ("visitors", "sessions", "bounce"))
    assert asked("kpi_days", {}, f"SELECT {metrics} FROM q", marts) == [(15, 40, 0.2)]


LISTED = (
    "SELECT title, group_value, shown_value, shown_before, round(change_rate, 2), verdict FROM q"
)
IN_ORDER = "ORDER BY place, group_kind, group_place"


def test_a_kpi_is_told_with_its_unit_and_the_week_before():
    marts = kpis(
        kpi(1, "unique_visitors", 10),
        kpi(8, "unique_visitors", 12),
        kpi(9, "unique_visitors", 3, is_complete=False),
        kpi(1, "bounce_rate", 0.25, numerator=1, denominator=4, unit="rate"),
        kpi(8, "bounce_rate", 0.5, numerator=2, denominator=4, unit="rate"),
        kpi(8, "average_session_duration_s", 61.24, numerator=61.24, denominator=1, unit="s"),
        kpi(1, "mobile_share", 0.5, numerator=1, denominator=2, unit="rate"),
        kpi(8, "mobile_share", 0.75, numerator=3, denominator=4, unit="rate"),
    )
    assert asked("kpis_of_day", {}, f"{LISTED} {IN_ORDER}", marts) == [
        ("Unique visitors", "Everybody", "12", "10", 0.2, "better"),
        ("Bounce rate", "Everybody", "50.0 %", "25.0 %", 1.0, "worse"),
        ("Average session duration", "Everybody", "61.2 s", None, None, "unknown"),
        ("Mobile share", "Everybody", "75.0 %", "50.0 %", 0.5, "neither"),
    ]


def test_bots_are_told_of_all_events_whatever_the_view():
    marts = kpis(
        kpi(1, "bot_traffic_rate", 0.25, view="all", unit="rate"),
        kpi(1, "unique_visitors", 9, view="all"),
        kpi(1, "unique_visitors", 5),
    )
    query = f"SELECT title, shown_value FROM q {IN_ORDER}"
    human = [("Unique visitors", "5"), ("Bot traffic", "25.0 %")]
    assert asked("kpis_of_day", {}, query, marts) == human
    of_all = [("Unique visitors", "9"), ("Bot traffic", "25.0 %")]
    assert asked("kpis_of_day", {"view": ["all"]}, query, marts) == of_all


def test_a_breakdown_tells_its_three_largest_groups_and_each_funnel_its_own_day():
    sources = [("a", 1), ("b", 4), ("c", 2), ("d", 2)]
    marts = kpis(
        *(
            kpi(8, "traffic_by_source", n / 9, of=("source", name), numerator=n, unit="rate")
            for name, n in sources
        ),
        kpi(1, "traffic_by_source", 1, of=("source", "gone"), numerator=9, unit="rate"),
        kpi(3, "funnel_conversion_rate", 0.5, of=("funnel_id", "slow"), unit="rate"),
        kpi(7, "funnel_conversion_rate", 0.1, of=("funnel_id", "fast"), unit="rate"),
        kpi(
            8, "funnel_conversion_rate", 1, of=("funnel_id", "slow"), unit="rate", is_complete=False
        ),
    )
    query = f"SELECT group_value, day(metric_date) FROM q {IN_ORDER}"
    assert asked("kpis_of_day", {}, query, marts) == [
        *(("b", 8), ("c", 8), ("d", 8)),
        *(("fast", 7), ("slow", 3)),
    ]


def test_each_of_two_choices_has_its_row_and_nobody_knows_the_mix():
    query = f"SELECT group_value, shown_value FROM q {IN_ORDER}"
    chosen = {"channel": ["Email"], "device_type": ["mobile"]}
    assert asked("kpis_of_day", chosen, query, VISITORS) == [("Email", "4"), ("mobile", "7")]


def test_the_list_has_every_kpi_in_the_words_of_the_metrics():
    told = [
        kpi(1, each.name, 1, view=each.views[0], of=(each.breakdown[0], "x"))
        if each.breakdown
        else kpi(1, each.name, 1, view=each.views[0])
        for each in web_kpis.KPIS
    ]
    query = f"SELECT title, meaning FROM q {IN_ORDER}"
    assert asked("kpis_of_day", {"view": ["all"]}, query, kpis(*told)) == [
        (each.title, each.sentence) for each in web_kpis.KPIS
    ]


@pytest.mark.parametrize("kpi_", web_kpis.KPIS, ids=lambda kpi_: kpi_.name)
def test_what_is_better_is_what_the_metrics_say(kpi_):
    view = "human" if "human" in kpi_.views else "all"
    of = (kpi_.breakdown[0], "x") if kpi_.breakdown else (None, None)
    marts = kpis(kpi(1, kpi_.name, 1, view=view, of=of), kpi(8, kpi_.name, 2, view=view, of=of))
    expected = {True: "better", False: "worse", None: "neither"}[kpi_.higher_is_better]
    assert asked("kpis_of_day", {}, "SELECT verdict FROM q", marts) == [(expected,)]


def test_every_unit_is_shown():
    units = ["rate", "s", "ms", "pct", "score", "ratio", "count"]
    assert set(units) == set(web_kpis.UNITS)
    names = [each.name for each in web_kpis.KPIS if not each.breakdown][: len(units)]
    rows = (kpi(1, name, 0.5, unit=unit) for name, unit in zip(names, units, strict=True))
    shown = asked("kpis_of_day", {}, f"SELECT shown_value FROM q {IN_ORDER}", kpis(*rows))
    assert [each for (each,) in shown][:6] == [
        "50.0 %",
        "0.5 s",
        "1 ms",
        "0.5 %",
        "0.5 of 100",
        "0.50",
    ]


def test_a_country_without_visitors_on_a_day_lowers_its_mean():
    marts = kpis(
        kpi(1, "unique_visitors", 10),
        kpi(2, "unique_visitors", 10),
        kpi(1, "unique_visitors", 6, of=("country", "DE")),
        kpi(2, "unique_visitors", 2, of=("country", "DE")),
        kpi(2, "unique_visitors", 3, of=("country", "FR")),
        kpi(2, "unique_visitors", 9, of=("channel", "Email")),
    )
    query = (
        f"SELECT country, {measured('country_days', 'visitors_a_day')} FROM q GROUP BY 1 ORDER BY 1"
    )
    assert asked("country_days", {}, query, marts) == [("DE", 4.0), ("FR", 1.5)]


def test_bots_of_a_week_are_a_sum_by_a_sum():
    marts = kpis(
        kpi(1, "bot_traffic_rate", 0.5, view="all", numerator=5, denominator=10),
        kpi(2, "bot_traffic_rate", 0.1, view="all", numerator=3, denominator=30),
        kpi(
            2,
            "bot_traffic_rate",
            1,
            view="all",
            of=("channel", "Email"),
            numerator=1,
            denominator=1,
        ),
    )
    query = "SELECT bot_mean_7d_rate FROM q ORDER BY metric_date"
    assert asked("bot_days", {}, query, marts) == [(0.5,), (0.2,)]
    assert asked("bot_days", {"channel": ["Email"]}, query, marts) == [(1.0,)]


VITALS = """
CREATE TABLE gold.page_performance AS SELECT * FROM (VALUES
    (DATE '2026-01-01', NULL, NULL, NULL, 2000.0),
    (DATE '2026-01-01', 'home', NULL, NULL, 2600.0),
    (DATE '2026-01-02', 'home', NULL, NULL, 2500.0),
    (DATE '2026-01-01', 'home', 'mobile', NULL, 1.0),
    (DATE '2026-01-01', 'home', NULL, 'DE', 2.0),
    (DATE '2026-01-01', 'home', 'mobile', 'DE', 3.0)
) AS t (metric_date, page_id, device_type, country, p75),
    (SELECT 'lcp_ms' AS vital, 9 AS n, TRUE AS is_complete)
"""


@pytest.mark.parametrize(
    ("chosen", "p75"),
    [
        ({}, {2000.0, 2500.0, 2600.0}),
        ({"device_type": ["mobile"]}, {1.0}),
        ({"country": ["DE"]}, {2.0}),
        ({"device_type": ["mobile"], "country": ["DE"]}, {3.0}),
        ({"device_type": ["tablet"]}, set()),
    ],
    ids=["none", "a device", "a country", "both", "nobody's"],
)
def test_vitals_are_those_of_the_mix(chosen, p75):
    rows = asked("vital_days", chosen, "SELECT p75 FROM q", VITALS)
    assert {each for (each,) in rows} == p75


def test_a_page_is_told_by_its_newest_day_and_its_good_days():
    metrics = ", ".join(
        measured("vital_days", each) for each in ("lcp_p75", "lcp_good_days", "inp_p75")
    )
    query = f"SELECT {metrics} FROM q WHERE group_kind = 'Page'"
    assert asked("vital_days", {}, query, VITALS) == [(2.5, 0.5, None)]


FUNNELS = """
CREATE TABLE gold.funnel_conversion AS SELECT * FROM (VALUES
    ('buy', 1, 'see', 10, 10, 0, 'human', NULL, NULL),
    ('buy', 2, 'pay', 10, 4, 6, 'human', NULL, NULL),
    ('buy', 1, 'see', 4, 4, 0, 'human', 'channel', 'Email'),
    ('buy', 2, 'pay', 4, 1, 3, 'human', 'channel', 'Email'),
    ('buy', 1, 'see', 99, 99, 0, 'all', NULL, NULL),
    ('buy', 2, 'pay', 99, 9, 90, 'all', NULL, NULL)
) AS t (funnel_id, step, step_name, entered, reached, drop_off, "view", dimension_name,
        dimension_value),
    (SELECT DATE '2026-01-01' AS metric_date, TRUE AS is_complete)
"""


@pytest.mark.parametrize(
    ("chosen", "rates"),
    [
        ({}, [("All", "Everybody", 0.4), ("Channel", "Email", 0.25)]),
        ({"view": ["all"]}, [("All", "Everybody", 9 / 99)]),
    ],
    ids=["people", "all"],
)
def test_a_funnel_is_told_of_one_view_and_each_group(chosen, rates):
    query = (
        f"SELECT group_kind, group_value, {measured('funnel_days', 'funnel_rate')} FROM q "
        "GROUP BY 1, 2 ORDER BY 1"
    )
    assert asked("funnel_days", chosen, query, FUNNELS) == rates


def test_steps_of_a_funnel_stand_in_their_order():
    steps = ", ".join(
        f"('buy', {step}, 's', 9, 9, 0, 'human', NULL, NULL)" for step in range(1, 11)
    )
    start, end = FUNNELS.index("VALUES") + len("VALUES"), FUNNELS.index(") AS t")
    query = f"SELECT step_label FROM q ORDER BY {measured('funnel_days', 'step_order')[4:-1]}"
    found = asked("funnel_days", {}, query, FUNNELS[:start] + steps + FUNNELS[end:])
    assert [found[0], found[1], found[9]] == [("buy: 01 s",), ("buy: 02 s",), ("buy: 10 s",)]


def test_every_model_has_a_name():
    rows = ", ".join(f"('{model}')" for model in attribution.MODELS)
    marts = f"""
    CREATE TABLE gold.channel_attribution AS SELECT * FROM (VALUES {rows}) AS t (model),
        (SELECT DATE '2026-01-01' AS metric_date, 'signup' AS conversion_type, 'Email' AS channel,
                'human' AS "view", 1.0 AS conversions, 0.0 AS value, TRUE AS is_complete)
    """
    found = {name for (name,) in asked("channel_credits", {}, "SELECT model_name FROM q", marts)}
    assert len(found) == len(attribution.MODELS)
    assert None not in found
    assert found <= colours("funnels-and-revenue").keys()


def test_what_has_arrived_is_a_share_of_the_events_with_a_known_delay():
    buckets = [*web.LATENESS_BUCKETS, (web.UNKNOWN, None)]
    counted = {"at_once": 2, "1min": 6, "later": 2, web.UNKNOWN: 5}
    rows, so_far = [], 0
    for name, up_to_s in buckets:
        so_far += counted.get(name, 0)
        known = "NULL" if name == web.UNKNOWN else so_far
        limit = "NULL" if up_to_s is None else up_to_s
        rows.append(f"('{name}', {limit}, {counted.get(name, 0)}, {known}, {known} / 10)")
    marts = f"""
    CREATE TABLE gold.lateness AS SELECT * FROM (VALUES {", ".join(rows)})
        AS t (bucket, up_to_s, n_events, cumulative_events, cumulative_rate),
        (SELECT DATE '2026-01-01' AS metric_date, TRUE AS is_complete)
    """
    query = (
        f"SELECT up_to_minutes, {measured('arrival_days', 'arrived')} FROM q GROUP BY 1 ORDER BY 1"
    )
    minutes = (0, 1, 5, 60, 360, 1440, 4320)
    shares = (0.2, *[0.8] * 6)
    assert asked("arrival_days", {}, query, marts) == list(zip(minutes, shares, strict=True))


VIEWED = {
    "traffic_days": "traffic_sources",
    "device_days": "web_devices",
    "place_days": "web_regions",
    "page_days": "page_metrics",
    "revenue_days": "revenue",
    "cohort_value": "ltv_cohorts",
    "path_days": "top_paths",
}


@pytest.mark.parametrize("dataset", VIEWED)
def test_of_three_views_one_is_counted(dataset):
    mart = f"gold.{VIEWED[dataset]}"
    declared = f"datasets/lakehouse/{VIEWED[dataset]}.yaml"
    columns = yaml.safe_load((FOLDER / declared).read_text("utf-8"))["columns"]
    listed = ", ".join(f'"{each["column_name"]}" {each["type"]}' for each in columns)
    rows = "; ".join(f"""INSERT INTO {mart} ("view") VALUES ('{view}')""" for view in web.VIEWS)
    marts = f"CREATE TABLE {mart} ({listed}); {rows}"
    for chosen in ({}, {"view": ["all"]}, {"view": ["strict", "all"]}):
        assert asked(dataset, chosen, "SELECT count(*) FROM q", marts) == [(1,)]


def test_limits_of_vitals_are_those_of_the_metrics():
    for each in CORE_VITALS:
        seconds = 1000 if each.vital == "lcp_ms" else 1
        (line,) = params(f"{each.short.lower()}_trend")["annotation_layers"]
        assert float(line["value"]) == each.good / seconds
        between, above = (
            rule
            for rule in params("vital_table")["conditional_formatting"]
            if rule["column"] == f"{each.short.lower()}_p75"
        )
        assert (between["targetValueLeft"], between["targetValueRight"]) == (
            each.good / seconds,
            each.poor / seconds,
        )
        assert above["targetValue"] == each.poor / seconds
    marts = f"{VITALS}; DELETE FROM gold.page_performance" + "".join(
        f"; INSERT INTO gold.page_performance (vital) VALUES ('{each.vital}')"
        for each in CORE_VITALS
    )
    assert asked("vital_days", {}, "SELECT vital, good, poor FROM q", marts) == [
        (each.vital, each.good, each.poor) for each in CORE_VITALS
    ]


def test_every_channel_has_a_colour_of_its_own():
    found = {name: colour for name, colour in colours("web-traffic").items() if name in CHANNELS}
    assert len(set(found.values())) == len(CHANNELS)


def params(name):
    return yaml.safe_load((FOLDER / f"charts/{name}.yaml").read_text("utf-8"))["params"]


def colours(slug):
    content = yaml.safe_load((FOLDER / f"dashboards/{slug}.yaml").read_text("utf-8"))
    return content["metadata"]["label_colors"]
