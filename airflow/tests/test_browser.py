"""What a person sees: log in, a gold table's graph, the trigger form, the backfill dialog."""

from __future__ import annotations

import os
import shutil

import pytest
from playwright.sync_api import expect, sync_playwright

from conftest import PROJECT

pytestmark = [pytest.mark.server, pytest.mark.browser, pytest.mark.timeout(1800)]

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
QUIET_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SLOW_MS = 60_000
GOLD = "gold_feature_conversion_impact"


@pytest.fixture(scope="module")
def page(site):
    if not CHROMIUM:
        pytest.skip("Chromium is not here (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET_FLAGS)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(SLOW_MS)
        expect.set_options(timeout=SLOW_MS)
        page.goto(site.url)
        page.get_by_label("Username").fill("admin")
        page.locator("input[type=password]").fill(site.password())
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(f"{site.url}/")
        yield page
        browser.close()


@pytest.fixture(autouse=True)
def put_aside(page):
    """An open page of Airflow keeps asking for news, and drawing them."""
    yield
    page.goto("about:blank")


@pytest.fixture
def picture(page, tmp_path):
    """Saves the page: in the docs when UPDATE_SCREENSHOTS is set, else beside the test."""
    folder = PROJECT / "spark/docs/images" if os.environ.get("UPDATE_SCREENSHOTS") else tmp_path

    def save(name):
        page.wait_for_timeout(1500)  # animations
        page.screenshot(path=folder / f"airflow-{name}.png")

    return save


def test_the_list_of_dags_begins_with_the_first_tables(page, site, picture):
    some = ("bronze_conversions", "freshness", "gold_feature_conversion_lift")
    every = {*some, "reconcile", "silver_web_sessions"}  # more than a page shows
    site.wait(lambda: every <= dags_of(site), "the DAGs to be read")
    page.goto(f"{site.url}/dags")
    for dag_id in some:
        expect(page.get_by_role("link", name=dag_id, exact=True).first).to_be_visible()
    picture("dags")


def test_a_gold_table_shows_its_gates_and_its_spec(page, site, picture):
    site.wait(lambda: [r for r in site.runs(GOLD) if r["state"] == "success"], GOLD)
    page.goto(f"{site.url}/dags/{GOLD}")
    page.get_by_role("button", name="Show Graph").click()
    for task in ("assert_input_quality", "process", "assert_output_quality"):
        expect(page.get_by_text(task).first).to_be_visible()
    picture("graph")
    page.get_by_role("button", name="Dag Docs").click()
    expect(page.get_by_role("dialog").get_by_text("Grain")).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Show Grid").click()


def test_the_trigger_form_asks_for_day_refresh_and_dry_run(page, site, picture):
    dialog = trigger_dialog(page, site, GOLD)
    for name in ("date", "full_refresh", "dry_run"):
        expect(dialog.locator(f"[name=element_{name}]")).to_be_attached()
    for label in ("Day", "Full refresh", "Dry run"):
        expect(dialog.get_by_text(label).first).to_be_visible()
    picture("trigger")


@pytest.mark.slow
def test_a_person_backfills_two_days_of_a_silver_table(page, site, picture):
    dag_id = "silver_feature_states"
    site.wait(lambda: [r for r in site.runs(dag_id) if r["state"] == "success"], dag_id)
    dialog = trigger_dialog(page, site, dag_id)
    dialog.get_by_text("Backfill", exact=True).first.click()
    for day in ("2026/01/02", "2026/01/03"):
        dialog.get_by_text("Select date and time").first.click()
        page.get_by_placeholder("YYYY/MM/DD").last.fill(day)
        page.get_by_placeholder("HH:mm").last.fill("00:00")
        dialog.get_by_text("Date Range").click()
    expect(dialog.get_by_text("2 runs will be triggered")).to_be_visible()
    picture("backfill")
    dialog.get_by_role("button", name="Run Backfill").click()
    expect(dialog).to_be_hidden()
    page.goto("about:blank")
    for key in ("2026-01-02", "2026-01-03"):
        site.wait(lambda k=key: site.runs(dag_id, k), f"{dag_id} {key}")
        assert site.wait_for_day(dag_id, key)["state"] == "success"


def dags_of(site):
    return {dag["dag_id"] for dag in site.api("GET", "/api/v2/dags", limit=100)["dags"]}


def trigger_dialog(page, site, dag_id):
    page.goto(f"{site.url}/dags/{dag_id}")
    page.get_by_role("button", name="Trigger").first.click()
    dialog = page.get_by_role("dialog").first
    expect(dialog).to_be_visible()
    return dialog
