"""The committed dashboards fit the tables; what does not fit is found."""

from __future__ import annotations

import copy
import json
import shutil

import pytest
import yaml
from typer.testing import CliRunner

from lakehouse.catalog.registry import registry
from lakehouse.cli.dashboards import dashboards_app
from lakehouse.errors import EXIT_DATA, ConfigError
from lakehouse.metrics import (
    anomalies,
    attribution,
    conversion,
    engagement,
    web,
    web_kpis,
    web_paths,
)
from lakehouse.serving.dashboards import datasets, layout, relations
from lakehouse.serving.dashboards.assets import FOLDER, Asset, Assets, load
from lakehouse.serving.dashboards.charts import Chart
from lakehouse.serving.dashboards.check import check
from lakehouse.spec import Column

LIVE, HOURLY, SIX_HOURLY, HALF_HOURLY = 30, 3600, 21_600, 1800
# Requirements, section 4: refresh, filters and charts of each.
WANTED = {
    "executive-overview": (
        HOURLY,
        {"Period"},
        {
            *("dau_mau", "stickiness_gauge", "mau_world_map", "top_countries", "mau_trend"),
            *("engagement_table", "stickiness_trend"),
        },
    ),
    "user-engagement": (
        SIX_HOURLY,
        {"Country", "Device", "Plan", "Cohort"},
        {
            *("cohort_heatmap", "power_users_table", "engagement_histogram", "retention_curves"),
            *("engagement_by_country", "engagement_by_device", "engagement_by_plan", "wau_trend"),
        },
    ),
    "performance-monitoring": (
        HALF_HOURLY,
        {"Version", "Dates", "Severity"},
        {
            *("p95_by_version", "device_comparison", "anomaly_table", "latency_gap"),
            *("critical_anomalies", "hours_heatmap"),
        },
    ),
    "session-analytics": (
        SIX_HOURLY,
        {"Dates", "Device", "Country"},
        {
            *("session_duration_treemap", "action_distribution", "bounce_by_device"),
            *("bounce_gauge", "bounce_trend", "duration_by_device", "bounce_world_map"),
            *("session_table", "actions_histogram"),
        },
    ),
    "growth": (
        SIX_HOURLY,
        {"Feature"},
        {
            *("feature_impact", "feature_impact_table", "feature_lift", "feature_adoption"),
            *("feature_history", "late_tables", "failed_checks", "table_health"),
        },
    ),
    "web-traffic": (
        HOURLY,
        {"Dates", "View", "Channel", "Device", "Country"},
        {
            *("web_visitors", "web_sessions", "web_page_views", "web_bounce_rate"),
            *("web_conversion_rate", "web_engagement", "web_trend", "bot_trend", "kpi_table"),
            *("channel_trend", "source_table", "device_trend", "browser_bars", "visitor_map"),
            *("place_table", "page_table", "lcp_trend", "inp_trend", "cls_trend", "vital_table"),
        },
    ),
    "live": (
        LIVE,
        set(),
        {
            *("live_visitors", "live_age", "live_conversion", "live_trend"),
            *("live_top_pages", "live_unusual"),
            *("stream_freshness", "stream_waiting", "stream_alerts"),
        },
    ),
    "funnels-and-revenue": (
        SIX_HOURLY,
        {"Dates", "Funnel", "View", "Conversion"},
        {
            *("funnel_steps", "funnel_trend", "funnel_table", "funnel_groups"),
            *("attribution_bars", "attribution_heatmap", "path_table", "revenue_trend"),
            *("revenue_table", "value_heatmap", "repeat_heatmap", "lateness_curve"),
            "identity_trend",
        },
    ),
}

BESIDES = {
    "user-engagement": {"unusual_use"},
    "session-analytics": {"unusual_sessions"},
    "growth": {"unusual_conversions"},
}
"""Charts that those dashboards have besides; data_age stands on all."""


@pytest.fixture(scope="module")
def assets():
    return load(FOLDER)


@pytest.fixture(scope="module")
def tables():
    return relations.served(registry())


@pytest.fixture
def with_change(assets):
    """The files, one of them changed by a function."""

    def changed(path, change):
        content = copy.deepcopy(file(assets, path).content)
        change(content)
        return Assets(
            tuple(Asset(path, content) if each.path == path else each for each in assets.every)
        )

    return changed


def file(assets, path):
    return next(each for each in assets.every if each.path == path)


def test_the_committed_dashboards_fit_the_tables(assets, tables):
    assert check(assets, tables) == []


def test_the_committed_datasets_are_what_the_specs_say(assets, tables):
    for path, text in datasets.generate(assets, tables).items():
        assert (FOLDER / path).read_text(encoding="utf-8") == text, (
            "run `lakehouse dashboards datasets`"
        )


def test_every_served_table_has_a_dataset(assets, tables):
    assert set(tables) <= {datasets.relation(each.content) for each in assets.of("datasets")}


@pytest.mark.parametrize("slug", WANTED)
def test_a_dashboard_has_the_charts_filters_and_refresh_it_is_to_have(assets, slug):
    refresh, filters, charts = WANTED[slug]
    dashboard = file(assets, f"dashboards/{slug}.yaml")
    paths = {each.uuid: each.path for each in assets.of("charts")}
    shown = {paths[uuid] for uuid in layout.charts_on(dashboard)}
    wanted = charts | {"data_age"} | BESIDES.get(slug, set())
    assert shown == {f"charts/{name}.yaml" for name in wanted}
    metadata = dashboard.content["metadata"]
    assert metadata["refresh_frequency"] == refresh
    assert {each["name"] for each in metadata["native_filter_configuration"]} == filters


def test_the_four_dashboards_of_use_have_thirty_charts():
    of_use = {"executive-overview", "user-engagement", "performance-monitoring"}
    of_use.add("session-analytics")
    assert sum(len(WANTED[slug][2]) for slug in of_use) == 30


def test_every_dashboard_is_wanted(assets):
    assert {each.content["slug"] for each in assets.of("dashboards")} == WANTED.keys()


def test_a_dashboard_of_views_shows_people_until_another_view_is_chosen(assets):
    for slug in ("web-traffic", "funnels-and-revenue"):
        filters = file(assets, f"dashboards/{slug}.yaml").content["metadata"][
            "native_filter_configuration"
        ]
        view = next(each for each in filters if each["name"] == "View")
        assert view["defaultDataMask"]["filterState"]["value"] == ["human"]
        assert not view["controlValues"]["multiSelect"]


def test_targets_and_thresholds_are_those_of_the_metrics(assets):
    def params(name):
        return file(assets, f"charts/{name}.yaml").content["params"]

    def target(name):
        return float(params(name)["annotation_layers"][0]["value"])

    assert target("stickiness_trend") == engagement.STICKINESS_TARGET_RATE
    assert target("bounce_trend") == engagement.BOUNCE_TARGET_RATE
    assert str(engagement.STICKINESS_TARGET_RATE) in params("stickiness_gauge")["intervals"]
    assert str(engagement.BOUNCE_TARGET_RATE) in params("bounce_gauge")["intervals"]
    assert params("session_table")["conditional_formatting"][0]["targetValue"] == (
        engagement.BOUNCE_TARGET_RATE
    )
    n = next(f for f in params("p95_by_version")["adhoc_filters"] if f["subject"] == "n")
    assert n["comparator"] == anomalies.MIN_SAMPLE
    (enough,) = Chart(file(assets, "charts/bounce_world_map.yaml").content).conditions
    assert enough == f"HAVING SUM(n_sessions) >= {anomalies.MIN_SESSIONS}"


MEANINGS = {
    ("active_users", "dau_of_day"): engagement.DAU,
    ("active_users", "wau_7d_of_day"): engagement.WAU_7D,
    ("active_users", "mau_28d_of_day"): engagement.MAU_28D,
    ("active_users", "stickiness_28d"): engagement.STICKINESS_28D_RATE,
    ("countries_of_month", "mau_of_country"): engagement.MAU,
    ("cohort_retention", "retention"): engagement.RETENTION_RATE,
    ("weekly_users", "wau_of_week"): engagement.WAU,
    ("performance_metrics", "p95"): engagement.percentile(95),
    ("latency_gap", "gap"): engagement.GAP_MS,
    ("anomalies_by_day", "critical"): anomalies.SEVERITY,
    ("unusual_use", "unusual_days"): anomalies.SEVERITY,
    ("conversion_anomalies", "unusual_days"): anomalies.SEVERITY,
    ("session_totals", "mean_minutes"): engagement.AVG_SESSION_DURATION_MS,
    ("session_totals", "bounce"): engagement.BOUNCE_RATE,
    ("session_groups", "mean_duration"): engagement.AVG_SESSION_DURATION_MS,
    ("session_groups", "bounce"): engagement.BOUNCE_RATE,
    ("feature_conversion_impact", "conversion"): conversion.CONVERSION_RATE,
    ("feature_conversion_impact", "mean_days"): conversion.AVG_DAYS_TO_CONVERT,
    ("feature_conversion_impact", "mean_mrr"): conversion.AVG_MRR,
    ("kpi_days", "visitors"): web_kpis.UNIQUE_VISITORS.sentence,
    ("kpi_days", "page_views"): web_kpis.PAGE_VIEWS.sentence,
    ("kpi_days", "bounce"): web_kpis.BOUNCE_RATE.sentence,
    ("kpi_days", "conversion"): web_kpis.CONVERSION_RATE.sentence,
    ("kpi_days", "engagement"): web_kpis.ENGAGEMENT_SCORE.sentence,
    ("bot_days", "bot_rate"): web_kpis.BOT_TRAFFIC_RATE.sentence,
    ("page_days", "views"): web_kpis.PAGE_VIEWS.sentence,
    ("page_days", "bounce"): web.PAGE_BOUNCE_RATE,
    ("page_days", "exit_share"): web.EXIT_RATE,
    ("page_days", "mean_engaged"): web.AVG_ENGAGED_S,
    ("page_days", "mean_depth"): web.AVG_DEPTH_PCT,
    ("page_days", "click_through"): web.CLICK_THROUGH_RATE,
    **{
        (dataset, metric): meaning
        for dataset in ("traffic_days", "device_days", "place_days")
        for metric, meaning in (
            ("mean_duration", web.AVG_DURATION_S),
            ("bounce", web_kpis.BOUNCE_RATE.sentence),
            ("conversion", web_kpis.CONVERSION_RATE.sentence),
            ("order_value", web.SESSION_REVENUE),
        )
    },
    ("funnel_days", "entries_reached"): web_paths.REACHED,
    ("funnel_days", "entries_lost"): web_paths.DROP_OFF,
    ("funnel_days", "of_entries"): web_paths.FUNNEL_RATE,
    ("funnel_days", "of_step_before"): web_paths.STEP_RATE,
    ("funnel_days", "funnel_rate"): web_kpis.FUNNEL_CONVERSION_RATE.sentence,
    ("channel_credits", "credited"): attribution.CREDIT,
    ("revenue_days", "net_amount"): web.NET,
    ("revenue_days", "not_summed"): web.NOT_SUMMED,
    ("cohort_value", "value_so_far"): web.REVENUE_PER_CUSTOMER,
    ("cohort_value", "repeat_share"): web.REPEAT_RATE,
    ("path_days", "sessions"): web_paths.PATH_SESSIONS,
    ("arrival_days", "arrived"): web.CUMULATIVE_RATE,
    ("identity_quality", "stitched"): web.STITCHED,
}


@pytest.mark.parametrize(("dataset", "metric"), MEANINGS)
def test_a_metric_means_what_it_means_everywhere(assets, dataset, metric):
    metrics = file(assets, f"datasets/lakehouse/{dataset}.yaml").content["metrics"]
    said = {each["metric_name"]: each["description"] for each in metrics}
    assert MEANINGS[dataset, metric] in said[metric]


def set_(*path, to):
    """A change: the value at a path of keys becomes another one."""

    def change(content):
        for key in path[:-1]:
            content = content[key]
        content[path[-1]] = to

    return change


def replaced(old, new):
    def change(content):
        assert old in content["sql"]
        content["sql"] = content["sql"].replace(old, new, 1)

    return change


STICKINESS, USERS = "datasets/lakehouse/stickiness.yaml", "datasets/lakehouse/active_users.yaml"
DAU, PLAN = "charts/dau_mau.yaml", "charts/engagement_by_plan.yaml"
GROWTH, SESSIONS = "dashboards/growth.yaml", "dashboards/session-analytics.yaml"
WRONG = {
    "a column the table does not have": (STICKINESS, set_("columns", 1, "column_name", to="day")),
    "a column of another type": (STICKINESS, set_("columns", 1, "type", to="TEXT")),
    "a metric over a column that is not there": (
        STICKINESS,
        set_("metrics", 0, "expression", to="SUM(da)"),
    ),
    "a metric that cannot be summed": (
        STICKINESS,
        set_("metrics", 0, "expression", to="SUM(CAST(dau AS text))"),
    ),
    "a metric without words": (STICKINESS, set_("metrics", 0, "description", to="")),
    "a table that is not served": (STICKINESS, set_("table_name", to="stickyness")),
    "a query of a column that is not there": (USERS, replaced("s.dau", "s.daus")),
    "a query that is no template": (USERS, replaced("{%-", "{%- if")),
    "a metric the dataset does not have": (DAU, set_("params", "metrics", to=["daus_of_day"])),
    "a column the dataset does not have": (DAU, set_("params", "x_axis", to="day")),
    "no metric": (DAU, lambda c: c["params"].update(metrics=[], metrics_b=[])),
    "a chart of an unknown kind": (DAU, set_("viz_type", to="violin")),
    "a chart of no dataset": (DAU, set_("dataset_uuid", to="0" * 32)),
    "a chart without the words of its metrics": (DAU, set_("description", to="Users.")),
    "a uuid that is none": (DAU, set_("uuid", to="dau")),
    "the whole and its parts in one sum": (PLAN, set_("params", "adhoc_filters", to=[])),
    "seven models in one sum": (
        "charts/attribution_bars.yaml",
        set_("params", "groupby", to=[]),
    ),
    "a funnel's channels and devices in one sum": (
        "charts/funnel_trend.yaml",
        lambda c: c["params"]["adhoc_filters"].pop(),
    ),
    "a filter with a value of another type": (
        PLAN,
        set_("params", "adhoc_filters", 0, "comparator", to=1),
    ),
    "a colour by a column that is not shown": (
        "charts/anomaly_table.yaml",
        set_("params", "conditional_formatting", 0, "column", to="weight"),
    ),
    "a filter that does nothing": (
        GROWTH,
        set_("metadata", "native_filter_configuration", 0, "scope", "excluded", to=[]),
    ),
    "a filter that leaves out a chart it could reach": (
        SESSIONS,
        lambda c: c["metadata"]["native_filter_configuration"][1]["scope"]["excluded"].append(128),
    ),
    "a query that is wrong with two filters set": (
        "datasets/lakehouse/session_days.yaml",
        replaced(
            "AND device_type IN", "{% if countries %}AND nobody {% endif %}AND device_type IN"
        ),
    ),
    "a condition on a column that is not there": (
        "charts/bounce_world_map.yaml",
        lambda c: c["params"]["adhoc_filters"][-1].update(sqlExpression="SUM(n_session) >= 30"),
    ),
    "a filter that offers what is not there": (
        GROWTH,
        set_(
            *("metadata", "native_filter_configuration", 0, "targets", 0, "column", "name"),
            to="colour",
        ),
    ),
    "a chart that does not take the dates": (
        "charts/bounce_gauge.yaml",
        set_("params", "adhoc_filters", to=[]),
    ),
    "a chart that is not there": (
        GROWTH,
        set_("position", "CHART-feature_lift", "meta", "uuid", to="0" * 32),
    ),
    "other words than the chart's": (
        GROWTH,
        set_("position", "MARKDOWN-feature_lift", "meta", "code", to="?"),
    ),
    "a row that is too wide": (
        GROWTH,
        set_("position", "COLUMN-feature_impact", "meta", "width", to=12),
    ),
    "no refresh": (GROWTH, set_("metadata", "refresh_frequency", to=0)),
}


@pytest.mark.turns(3)
@pytest.mark.parametrize("case", WRONG)
def test_it_finds(case, with_change, tables):
    path, change = WRONG[case]
    found = check(with_change(path, change), tables)
    assert found
    # A chart that changes is wrong itself, or where it is shown.
    assert path in {each.file for each in found} or path.startswith("charts/")


@pytest.mark.parametrize(("groupby", "is_wrong"), [(["channel"], True), (["view"], False)])
def test_rows_of_three_views_are_not_summed_up(assets, with_change, tables, groupby, is_wrong):
    sources = file(assets, "datasets/lakehouse/traffic_sources.yaml").uuid
    change = {
        "dataset_uuid": sources,
        "params": {"groupby": groupby, "metrics": ["n_rows"]},
        "description": "Rows of the table.",
    }
    path = "charts/channel_trend.yaml"
    found = check(with_change(path, lambda content: content.update(change)), tables)
    assert (path in {each.file for each in found}) is is_wrong


def test_two_files_with_one_uuid_are_found(assets, with_change, tables):
    same = file(assets, PLAN).uuid
    found = check(with_change(DAU, set_("uuid", to=same)), tables)
    assert {DAU, PLAN} <= {each.file for each in found}


def test_a_column_a_table_gets_reaches_its_dataset_with_its_words(assets, tables):
    name, columns = "gold.stickiness", tables["gold.stickiness"]
    wider = (*columns, Column("weekday", "int", "ISO weekday."))
    text = datasets.generate(assets, tables | {name: wider})[STICKINESS]
    got = {each["column_name"]: each for each in yaml.safe_load(text)["columns"]}["weekday"]
    assert (got["type"], got["description"], got["is_dttm"]) == ("INTEGER", "ISO weekday.", False)


def test_a_new_served_table_gets_a_dataset_of_its_own(assets, tables):
    new = {"gold.page_views": (Column("day", "date", "Day."),)}
    content = yaml.safe_load(
        datasets.generate(assets, tables | new)["datasets/lakehouse/page_views.yaml"]
    )
    assert (content["schema"], content["table_name"]) == ("gold", "page_views")
    assert content["columns"][0]["is_dttm"]
    again = datasets.generate(assets, tables | new)["datasets/lakehouse/page_views.yaml"]
    assert yaml.safe_load(again)["uuid"] == content["uuid"]


def test_what_people_wrote_in_a_dataset_stays(with_change, tables):
    changed = with_change(STICKINESS, set_("columns", 1, "verbose_name", to="Users of the day"))
    content = yaml.safe_load(datasets.generate(changed, tables)[STICKINESS])
    assert content["columns"][1]["verbose_name"] == "Users of the day"


@pytest.mark.parametrize(
    ("spark_type", "expected"),
    [("string", "TEXT"), ("bigint", "BIGINT"), ("decimal(12,2)", "NUMERIC(12,2)")],
)
def test_types_are_named_as_postgres_names_them(spark_type, expected):
    assert relations.postgres_type(spark_type) == expected


def test_the_commands_say_what_they_found(tmp_path):
    shutil.copytree(FOLDER, tmp_path / "d", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    folder = ["--folder", str(tmp_path / "d")]
    run = CliRunner()
    assert run.invoke(dashboards_app, ["check", *folder]).exit_code == 0
    assert "is up to date" in run.invoke(dashboards_app, ["datasets", *folder]).output

    path = tmp_path / "d" / STICKINESS
    path.write_text(path.read_text(encoding="utf-8").replace("name: dau", "name: day"), "utf-8")
    done = run.invoke(dashboards_app, ["check", "--json", *folder])
    assert done.exit_code == EXIT_DATA
    assert STICKINESS in {each["file"] for each in json.loads(done.output)}
    assert run.invoke(dashboards_app, ["datasets", *folder]).exit_code == 0
    assert run.invoke(dashboards_app, ["check", *folder]).exit_code == 0


@pytest.mark.parametrize("text", ["a: [1", "- a list"])
def test_a_file_that_is_no_mapping_is_named(tmp_path, text):
    (tmp_path / "charts").mkdir()
    (tmp_path / "charts/odd.yaml").write_text(text, "utf-8")
    with pytest.raises(ConfigError) as error:
        load(tmp_path)
    assert str(error.value.details["path"]).endswith("odd.yaml")


def test_a_folder_without_dashboards_is_no_folder_of_dashboards(tmp_path):
    with pytest.raises(ConfigError):
        load(tmp_path)
