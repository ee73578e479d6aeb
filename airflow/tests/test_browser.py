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
        page.goto(site.url)
        page.get_by_label("Username").fill("admin")
        page.locator("input[type=password]").fill(site.password())
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(f"{site.url}/**")
        expect(page.get_by_role("link", name="Dags").first).to_be_visible()
        yield page
        browser.close()


@pytest.fixture
def picture(page, tmp_path):
    """Saves the page: in the docs when UPDATE_SCREENSHOTS is set, else beside the test."""
    folder = PROJECT / "spark/docs/images" if os.environ.get("UPDATE_SCREENSHOTS") else tmp_path

    def save(name):
        page.wait_for_timeout(1500)  # animations
        page.screenshot(path=folder / f"airflow-{name}.png")

    return save


def test_the_list_of_dags_shows_every_table(page, site, picture):
    page.goto(f"{site.url}/dags")
    for dag_id in ("bronze_conversions", "gold_feature_conversion_lift", "reconcile"):
        expect(page.get_by_role("link", name=dag_id, exact=True).first).to_be_visible()
    picture("dags")


def test_a_gold_table_shows_its_gates_and_its_spec(page, site, picture):
    site.wait(lambda: [r for r in site.runs(GOLD) if r["state"] == "success"], GOLD)
    page.goto(f"{site.url}/dags/{GOLD}")
    for task in ("assert_input_quality", "process", "assert_output_quality"):
        expect(page.get_by_text(task).first).to_be_visible()
    picture("graph")


def test_the_trigger_form_asks_for_day_refresh_and_dry_run(page, site, picture):
    page.goto(f"{site.url}/dags/{GOLD}")
    page.get_by_role("button", name="Trigger").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    for label in ("Day", "Full refresh", "Dry run"):
        expect(dialog.get_by_text(label, exact=True).first).to_be_visible()
    picture("trigger")


def test_the_backfill_dialog_takes_a_range_for_a_gold_table(page, site, picture):
    page.goto(f"{site.url}/dags/{GOLD}")
    page.get_by_role("button", name="Trigger").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("Backfill", exact=True).first.click()
    dates = dialog.locator("input[type=datetime-local], input[type=date]")
    expect(dates.first).to_be_visible()
    dates.nth(0).fill("2026-01-05T00:00")
    dates.nth(1).fill("2026-01-06T00:00")
    expect(dialog.get_by_text("2 runs", exact=False).first).to_be_visible()
    picture("backfill")
