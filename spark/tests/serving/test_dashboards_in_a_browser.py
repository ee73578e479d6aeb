"""What a person sees: eight dashboards full of data, filters that work, a login that is needed."""

from __future__ import annotations

import os
import shutil
import time
from datetime import UTC, datetime, timedelta

import psutil
import psycopg
import pytest
import yaml
from playwright.sync_api import sync_playwright
from superset_under_test import PROJECT, Site, Visit

from conftest import some_of
from lakehouse.metrics.attribution import MODELS
from lakehouse.serving.dashboards import layout
from lakehouse.serving.dashboards.assets import FOLDER, load
from lakehouse.transforms.channels import CHANNELS

pytestmark = [pytest.mark.dashboards, pytest.mark.timeout(1800)]

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
QUIET_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DASHBOARDS = {
    each.content["slug"]: len(layout.charts_on(each)) for each in load(FOLDER).of("dashboards")
}
SLOWEST_TO_PRINT = 5
# Nothing unusual need have happened.
MAY_BE_EMPTY = {
    "anomaly_table",
    "unusual_use",
    "unusual_sessions",
    "unusual_conversions",
    "live_unusual",
    "stream_freshness",
    "stream_waiting",
    "stream_alerts",
}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A running Superset, started as by `make dashboards`."""
    site = Site(tmp_path_factory.mktemp("superset"))
    try:
        done = site.local("up")
        assert done.returncode == 0, done.stdout + done.stderr
        assert site.url in done.stdout
        assert site.password in done.stdout
        yield site
    finally:
        site.local("down")


@pytest.fixture(scope="module")
def browser():
    if not CHROMIUM:
        pytest.skip("Chromium is not here (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET_FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def visit(site, browser):
    visit = Visit(browser.new_page(), site.url)
    visit.log_in(site.password)
    return visit


@pytest.fixture(scope="module")
def queries():
    """Every query that a chart made, and the chart."""
    return {}


@pytest.mark.parametrize("slug", sorted(DASHBOARDS))
def test_every_chart_of_a_dashboard_is_drawn_from_data(visit, slug, queries, tmp_path):
    visit.dashboard(slug, DASHBOARDS[slug])
    folder = PROJECT / "spark/docs/images" if os.environ.get("UPDATE_SCREENSHOTS") else tmp_path
    visit.save(folder / f"dashboard-{slug}.png")
    assert visit.errors() == []
    drawn = visit.page.locator("[data-test=chart-grid-component]").count()
    assert drawn == len(visit.charts) == DASHBOARDS[slug]
    names = {c["id"]: c["slice_name"] for c in charts(visit)}
    assert empty_charts(visit, names) <= titles(MAY_BE_EMPTY)
    queries.update({q: names[a.chart] for a in visit.answers for q in a.queries})


def test_the_numbers_are_those_of_the_marts(site, visit, queries):
    """What Superset asks is run once more, and timed, beside what stands in the marts."""
    assert len(queries) >= len(charts(visit))
    took = []
    with psycopg.connect(site.marts_url, autocommit=True) as marts:
        marts.execute("SET timezone = 'UTC'")
        for query, name in queries.items():
            started = time.monotonic()
            marts.execute(query).fetchall()
            took.append((time.monotonic() - started, name))
        expected = marts.execute(
            "SELECT n_users FROM gold.engagement_summary WHERE dimension_name IS NULL"
        ).fetchone()
    visit.dashboard("executive-overview", DASHBOARDS["executive-overview"])
    table = visit.page.locator("[data-test-chart-name='Engagement by group']")
    row = table.get_by_role("row").filter(has_text="All users")
    assert f"{expected[0]:,}" in row.inner_text()
    for seconds, name in sorted(took, reverse=True)[:SLOWEST_TO_PRINT]:
        print(f"{seconds * 1000:.0f} ms {name}")  # noqa: T201  # a person reads it


def days_ago(n):
    return (datetime.now(UTC) - timedelta(days=n)).date().isoformat()


FILTERS = {
    "the last 30 days": (
        "executive-overview",
        {"period": {"column": "period", "value": "Last 30 days"}},
        "dau_mau",
        30,
    ),
    "a country": (
        "user-engagement",
        {"country": {"column": "country", "value": "US"}},
        "engagement_by_country",
        1,
    ),
    "a device": (
        "session-analytics",
        {"device": {"column": "device_type", "value": "mobile"}},
        "bounce_by_device",
        1,
    ),
    "a plan": (
        "user-engagement",
        {"plan": {"column": "subscription_type", "value": "pro"}},
        "engagement_by_plan",
        1,
    ),
    "a severity that nobody has": (
        "performance-monitoring",
        {"severity": {"column": "severity", "value": "none"}},
        "anomaly_table",
        0,
    ),
    "ten days": (
        "session-analytics",
        {"dates": {"time_range": f"{days_ago(40)} : {days_ago(30)}"}},
        "bounce_trend",
        10,
    ),
    "two kinds of groups": (
        "session-analytics",
        {
            "device": {"column": "device_type", "value": "mobile"},
            "country": {"column": "country", "value": "US"},
        },
        "session_table",
        3,  # all, the device, the country
    ),
    "a channel": (
        "web-traffic",
        {"channel": {"column": "channel", "value": "Organic Search"}},
        "source_table",
        10,  # search engines and campaigns
    ),
    "a country of the web": (
        "web-traffic",
        {"country": {"column": "country", "value": "DE"}},
        "visitor_map",
        1,
    ),
    "a device of the web": (
        "web-traffic",
        {"device": {"column": "device_type", "value": "mobile"}},
        "vital_table",
        100,  # pages
    ),
    "a funnel": (
        "funnels-and-revenue",
        {"funnel": {"column": "funnel_id", "value": "signup"}},
        "funnel_steps",
        3,
    ),
    "a type of conversion": (
        "funnels-and-revenue",
        {"conversion": {"column": "conversion_type", "value": "signup"}},
        "attribution_bars",
        len(MODELS) * len(CHANNELS),
    ),
    "everybody's events": (
        "funnels-and-revenue",
        {"view": {"column": "view", "value": "all"}},
        "funnel_table",
        7,  # steps of two funnels
    ),
}


@pytest.mark.parametrize("case", some_of([*FILTERS], 2))
def test_a_filter_leaves_what_was_chosen(visit, case):
    slug, chosen, chart, most_rows = FILTERS[case]
    visit.dashboard(slug, DASHBOARDS[slug], **chosen)
    assert visit.errors() == []
    names = {each["id"]: each["slice_name"] for each in charts(visit)}
    rows = [a.rows for a in visit.answers if names[a.chart] in titles({chart})]
    assert rows
    assert bool(most_rows) <= max(rows) <= most_rows
    if not most_rows:
        assert visit.page.get_by_text("No results were returned for this query").count()


TOGETHER = {
    "session-analytics": {
        "dates": {"time_range": f"{days_ago(40)} : {days_ago(10)}"},  # sample data end yesterday
        "device": {"column": "device_type", "value": "mobile"},
        "country": {"column": "country", "value": "US"},
    },
    "user-engagement": {
        "country": {"column": "country", "value": "US"},
        "device": {"column": "device_type", "value": "mobile"},
        "plan": {"column": "subscription_type", "value": "free"},
    },
    "funnels-and-revenue": {
        "dates": {"time_range": f"{days_ago(60)} : {days_ago(20)}"},
        "funnel": {"column": "funnel_id", "value": "checkout"},
        "view": {"column": "view", "value": "strict"},
        "conversion": {"column": "conversion_type", "value": "purchase"},
    },
    "web-traffic": {  # of channel, device and country, its figures know one at a time
        "dates": {"time_range": f"{days_ago(60)} : {days_ago(20)}"},
        "view": {"column": "view", "value": "all"},
        "country": {"column": "country", "value": "DE"},
    },
}


@pytest.mark.parametrize("slug", some_of([*TOGETHER]))
def test_filters_set_together_leave_no_chart_empty(visit, slug):
    visit.dashboard(slug, DASHBOARDS[slug], **TOGETHER[slug])
    assert visit.errors() == []
    names = {each["id"]: each["slice_name"] for each in charts(visit)}
    # Of a hundred users one is a power user: perhaps none of the group.
    assert empty_charts(visit, names) <= titles(MAY_BE_EMPTY | {"power_users_table"})
    assert not visit.page.get_by_text("NaN").count()


def test_who_has_not_logged_in_sees_no_dashboard(site, browser):
    page = browser.new_context().new_page()
    page.goto(f"{site.url}/superset/dashboard/growth/")
    page.wait_for_url("**/login/**")
    answer = page.request.get(f"{site.url}/api/v1/chart/")
    assert answer.status == 401 or answer.json()["count"] == 0


def test_a_page_asks_nobody_else(site, browser):
    """Not even whether there is a newer version."""
    page = browser.new_context().new_page()
    asked = []
    page.on("requestfinished", lambda request: asked.append(request.url))
    Visit(page, site.url).log_in(site.password)
    assert {url for url in asked if not url.startswith((site.url, "data:", "blob:"))} == set()


def test_the_reader_cannot_write(visit):
    """What somebody types in SQL Lab is run by the read-only role."""
    token = visit.get("/api/v1/security/csrf_token/")["result"]
    database = visit.get("/api/v1/database/")["result"][0]["id"]
    answer = visit.page.request.post(
        f"{visit.url}/api/v1/sqllab/execute/",
        headers={"X-CSRFToken": token, "Referer": visit.url},
        data={"database_id": database, "sql": "DELETE FROM gold.stickiness", "runAsync": False},
    )
    assert not answer.ok


@pytest.mark.slow
def test_importing_again_changes_only_what_changed(site, visit, tmp_path):
    before = {each["slice_name"]: each["id"] for each in charts(visit)}
    people_made = copy_chart(visit, before["Power users"], "Mine")

    folder = tmp_path / "dashboards"
    shutil.copytree(FOLDER, folder)
    growth = folder / "dashboards/growth.yaml"
    content = yaml.safe_load(growth.read_text(encoding="utf-8"))
    for part in ("COLUMN", "CHART", "MARKDOWN"):
        del content["position"][f"{part}-failed_checks"]
    for part in content["position"].values():
        if isinstance(part, dict) and "COLUMN-failed_checks" in part.get("children", []):
            part["children"].remove("COLUMN-failed_checks")
    growth.write_text(yaml.safe_dump(content), encoding="utf-8")
    (folder / "charts/failed_checks.yaml").unlink()
    late = folder / "charts/late_tables.yaml"
    late.write_text(
        late.read_text(encoding="utf-8").replace("Tables whose check is overdue", "Late"), "utf-8"
    )

    done = site.local("import", SUPERSET_ASSETS=str(folder))
    assert done.returncode == 0, done.stdout + done.stderr
    after = {each["slice_name"]: each["id"] for each in charts(visit)}
    renamed = {"Late": before["Tables whose check is overdue"]}
    gone = {"Tables whose check is overdue", "Failed checks"}
    kept = {name: number for name, number in before.items() if name not in gone}
    assert after == kept | renamed | {"Mine": people_made}

    assert site.local("import").returncode == 0
    again = {each["slice_name"]: each["id"] for each in charts(visit)}
    assert again.keys() == before.keys() | {"Mine"}


def test_starting_again_reuses_what_runs_and_stopping_leaves_nothing(site):
    pid = servers(site)
    assert pid
    again = site.local("up")
    assert again.returncode == 0
    assert site.password in again.stdout
    assert servers(site) == pid
    assert site.local("down").returncode == 0
    assert not servers(site)
    assert site.local("status").returncode == 75


def empty_charts(visit, names):
    return {names[answer.chart] for answer in visit.answers if not answer.rows}


def charts(visit):
    return visit.get("/api/v1/chart/?q=(page_size:100)")["result"]


def titles(names):
    files = {each.path: each.content["slice_name"] for each in load(FOLDER).of("charts")}
    return {files[f"charts/{name}.yaml"] for name in names}


def copy_chart(visit, number, name):
    """Save a chart under another name, as a person does in the browser; its number."""
    chart = visit.get(f"/api/v1/chart/{number}")["result"]
    token = visit.get("/api/v1/security/csrf_token/")["result"]
    dataset = next(each["datasource_id"] for each in charts(visit) if each["id"] == number)
    answer = visit.page.request.post(
        f"{visit.url}/api/v1/chart/",
        headers={"X-CSRFToken": token, "Referer": visit.url},
        data={
            "slice_name": name,
            "viz_type": chart["viz_type"],
            "params": chart["params"],
            "datasource_id": dataset,
            "datasource_type": "table",
        },
    )
    assert answer.ok, answer.text()
    return answer.json()["id"]


def servers(site):
    """Processes that listen on its port or work for those that do."""
    address = f"--bind=127.0.0.1:{site.port}"
    return {
        each.pid
        for each in psutil.process_iter(["cmdline"])
        if address in (each.info["cmdline"] or [])
    }
