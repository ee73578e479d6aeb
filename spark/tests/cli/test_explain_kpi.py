"""`lakehouse explain-kpi`: seven devices on one day, and what each tool makes of them.

All figures are by hand. `walker` reads over midnight, `shopper` comes back by a campaign in the
middle of the session and signs up, `reader` stays 12 s on one page, `crawler` says what it is,
`rented` is in a data centre, `desk` and `phone` are one user on two devices.
"""

from __future__ import annotations

import json
from datetime import date
from fractions import Fraction

import pytest

from conftest import LakeDriver, call_main
from lakehouse.catalog.registry import registry
from lakehouse.metrics.web_tools import COMPARABLE, TOOLS
from lakehouse.reporting import tool_differences as differences
from lakehouse.settings import load_settings

DAY = "2026-01-06"
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0"
TOOL_NAMES = ("GA4", "Snowplow", "Matomo", "PostHog", "Plausible")


def event(kind, device, at, *, session=None, user=None, view=None, agent=BROWSER, ip=None, **more):
    identity = f"{device} {at} {kind}" + (" again" if more.pop("again", False) else "")
    return {
        "event_id": identity,
        "event_type": kind,
        "timestamp": f"{at if at.startswith('2026') else f'{DAY}T{at}'}Z",
        "anonymous_id": device,
        "user_id": user,
        "session_id": session or f"session of {device}",
        "page_view_id": view,
        "properties": {"page_url": "https://www.example.com/", **more},
        "context": {"platform": "web", "user_agent": agent, "ip": ip or "203.0.113.5"},
    }


MAIL = {"utm_source": "news", "utm_medium": "email", "utm_campaign": "spring"}
BY_MAIL = {"session": "second session of shopper"}
LANDED = [
    event("page_view", "walker", "2026-01-05T23:50:00"),
    event("page_view", "walker", "00:10:00"),
    event("page_view", "walker", "00:15:00"),
    event("page_view", "shopper", "10:00:00"),
    event("page_view", "shopper", "10:05:00", view="v", **BY_MAIL, **MAIL),
    event("page_view", "shopper", "10:05:00", view="v", again=True, **BY_MAIL, **MAIL),
    event("signup", "shopper", "10:05:30", view="v", **BY_MAIL),
    event("page_view", "reader", "11:00:00"),
    event("page_ping", "reader", "11:00:02"),
    event("page_ping", "reader", "11:00:12"),
    event("page_view", "crawler", "12:00:00", agent="curl/8.0"),
    event("page_view", "rented", "13:00:00", ip="198.51.100.7"),
    event("page_view", "desk", "14:00:00", user="ann"),
    event("click", "desk", "14:02:00", user="ann"),
    event("page_view", "phone", "14:10:00", user="ann"),
]

FIGURES = {
    # ours: shopper, reader, ann
    "bounce_rate": (
        (1, 3),  # reader
        {
            "GA4": (3, 6),  # rented, desk, phone; walker counts on both days
            "Snowplow": (5, 6),  # shopper's first, reader, rented, desk, phone
            "Matomo": (3, 6),  # shopper's first, reader, rented; walker's after midnight
            "PostHog": (2, 5),  # rented, phone
            "Plausible": (2, 5),  # reader, phone; rented does not count
        },
    ),
    "average_session_duration_s": (
        (330 + (12 + 15) + 600, 3),  # the reader's last page got 15 s of attention
        {
            "GA4": (1500 + 330 + 12 + 0 + 120 + 0, 6),
            "Snowplow": (0 + 30 + 12 + 0 + 120 + 0, 6),
            "Matomo": (300 + 0 + 30 + 0 + 0 + 600, 6),
            "PostHog": (330 + 12 + 0 + 120 + 0, 5),
            "Plausible": (1500 + 330 + 0 + 120 + 0, 5),
        },
    ),
    "sessions_per_user": (
        (3, 3),
        {
            "GA4": (6, 5),
            "Snowplow": (6, 5),
            "Matomo": (6, 5),
            "PostHog": (5, 4),
            "Plausible": (5, 5),
        },
    ),
    "unique_visitors": (
        (4, None),
        {
            "GA4": (5, None),
            "Snowplow": (6, None),
            "Matomo": (5, None),
            "PostHog": (5, None),
            "Plausible": (5, None),
        },
    ),
    "page_views": (
        (7, None),
        {
            "GA4": (9, None),
            "Snowplow": (8, None),
            "Matomo": (9, None),
            "PostHog": (9, None),
            "Plausible": (8, None),
        },
    ),
    "conversion_rate": (
        (1, 3),
        {
            "GA4": (1, 6),
            "Snowplow": (1, 6),
            "Matomo": (1, 6),
            "PostHog": (1, 5),
            "Plausible": (1, 5),
        },
    ),
}
BOUNCE_STEPS = {
    # bot view, identity, session cut, bounce rule
    "GA4": ((1, 6), (1, 10), (-1, 10), (0, 1)),
    "Snowplow": ((1, 6), (1, 10), (1, 15), (1, 6)),
    "Matomo": ((1, 6), (0, 1), (0, 1), (0, 1)),
    "PostHog": ((1, 6), (1, 10), (0, 1), (-1, 5)),
    "Plausible": ((0, 1), (1, 6), (-1, 10), (0, 1)),
}


@pytest.fixture(scope="module")
def day(spark, tmp_path_factory):
    """A lake with the day."""
    root = tmp_path_factory.mktemp("tools")
    settings = load_settings(root=str(root), spark_master="local[2]")
    lake = LakeDriver(settings, registry(), spark)
    lake.land("web_events/day.jsonl", LANDED)
    lake.run("+silver.web_sessions", "+gold.web_kpis", as_of="2026-01-07")
    return lake


@pytest.fixture
def explain(choose, monkeypatch, capsys):
    """The command on a lake: its exit code and what it printed."""

    def call(root, *words):
        choose("ROOT", str(root))
        capsys.readouterr()
        return call_main(monkeypatch, "explain-kpi", *words), capsys.readouterr()

    return call


@pytest.fixture
def told(day, explain):
    """What the command tells programs."""

    def call(kpi, *words):
        code, said = explain(day.settings.root, kpi, "--day", DAY, "--json", *words)
        assert code == 0, said.err
        assert not said.err
        return json.loads(said.out)

    return call


def test_figures_are_listed_for_every_tool_and_kpi():
    assert {kpi.name for kpi in COMPARABLE} == FIGURES.keys()
    assert tuple(tool.name for tool in TOOLS) == TOOL_NAMES
    assert all(tools.keys() == set(TOOL_NAMES) for _, tools in FIGURES.values())


@pytest.mark.spark
@pytest.mark.parametrize("kpi", FIGURES)
def test_each_tool_counts_by_its_own_rules(told, kpi):
    mine, others = FIGURES[kpi]
    found = told(kpi)
    assert (found["ours"]["numerator"], found["ours"]["denominator"]) == mine
    assert {
        each["tool"]: (each["numerator"], each["denominator"]) for each in found["tools"]
    } == others


@pytest.mark.spark
@pytest.mark.parametrize("view", ["all", "human", "strict"])
@pytest.mark.parametrize("kpi", FIGURES)
def test_our_figure_is_the_published_one(told, kpi, view):
    found = told(kpi, "--view", view)
    assert found["published"] == pytest.approx(found["ours"]["value"])


@pytest.mark.spark
@pytest.mark.parametrize("kpi", FIGURES)
def test_changes_of_the_rules_add_up_exactly_to_the_difference(day, kpi):
    found = differences.explain(day.settings, differences.kpi_of(kpi), date(2026, 1, 6), "human")
    for each in found.tools:
        assert sum(step.change for step in each.steps) == each.difference
        assert each.count.value - found.ours.value == each.difference


@pytest.mark.spark
@pytest.mark.parametrize("tool", TOOL_NAMES)
def test_each_rule_gets_what_it_makes(told, tool):
    (found,) = (each for each in told("bounce_rate")["tools"] if each["tool"] == tool)
    assert [step["rule"] for step in found["steps"]] == [
        *("bot view", "identity", "session cut", "bounce rule")
    ]
    changes = [step["change"] for step in found["steps"]]
    assert changes == [pytest.approx(float(Fraction(*each))) for each in BOUNCE_STEPS[tool]]


@pytest.mark.spark
def test_our_figure_follows_the_policies(spark, tmp_path, choose, explain):
    """The day of Berlin begins at 23:00, and a campaign starts a session."""
    reference = tmp_path / "reference"
    reference.mkdir()
    (reference / "web.toml").write_text(
        '[clock]\nreporting_time_zone = "Europe/Berlin"\n'
        "[visits]\ngap_s = 300\ncampaign_starts_session = true\n",
        "utf-8",
    )
    settings = load_settings(
        root=str(tmp_path / "lake"), reference=str(reference), spark_master="local[2]"
    )
    lake = LakeDriver(settings, registry(), spark)
    lake.land("web_events/day.jsonl", LANDED)
    lake.run("+silver.web_sessions", "+gold.web_kpis", as_of="2026-01-07")
    choose("REFERENCE", str(reference))
    for kpi in FIGURES:
        code, said = explain(settings.root, kpi, "--day", DAY, "--json")
        found = json.loads(said.out)
        assert (code, said.err) == (0, "")
        assert found["published"] == pytest.approx(found["ours"]["value"])
        if kpi == "bounce_rate":
            # walker two (first a bounce), shopper two (first), reader, rented (no list of
            # networks), desk, phone; all but desk and the second ones are bounces
            assert (found["ours"]["numerator"], found["ours"]["denominator"]) == (5, 8)


@pytest.mark.spark
def test_everybody_counts_in_view_all(told):
    found = told("unique_visitors", "--view", "all")
    assert found["ours"]["value"] == 6  # with crawler and rented
    ga4 = found["tools"][0]
    assert [step["change"] for step in ga4["steps"]] == [-1, 0, 0]  # crawler


@pytest.mark.spark
def test_people_read_a_table_and_the_largest_reason(day, explain):
    code, said = explain(day.settings.root, "bounce_rate", "--day", DAY)
    assert code == 0
    lines = said.out.replace("\N{NO-BREAK SPACE}", " ").replace("\N{MINUS SIGN}", "-").splitlines()
    assert lines[1].startswith(f"Bounce rate on {DAY}, view human")
    rows = [line.replace(" %", "%").split() for line in lines]
    assert ["ours", "33.3%"] in rows
    assert ["PostHog", "40.0%", "+6.7", "+16.7", "+10.0", "0.0", "-20.0"] in rows
    assert "The largest reason: PostHog's bounce rule (-20.0 points)." in "\n".join(lines)
    assert not said.err


@pytest.mark.spark
def test_the_newest_day_that_is_over_is_meant_without_one(day, explain):
    code, said = explain(day.settings.root, "page_views", "--json")
    assert code == 0
    assert json.loads(said.out)["day"] == "2026-01-05"


@pytest.mark.spark
@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("bounce_rat", "--day", DAY), 78, "Did you mean bounce_rate?"),
        (("scroll_depth_pct", "--day", DAY), 78, "possible: bounce_rate"),
        (("bounce_rate", "--day", "6 January"), 78, "write YYYY-MM-DD"),
        (("bounce_rate", "--day", DAY, "--view", "people"), 78, "all, human, strict"),
        (("bounce_rate", "--day", "2026-01-04"), 78, "from 2026-01-05 to 2026-01-06"),
        (("bounce_rate", "--day", "2026-01-07"), 75, "from 2026-01-05 to 2026-01-06"),
    ],
    ids=[
        *("misspelt KPI", "KPI that tools do not tell", "no date", "unknown view"),
        *("day before all events", "day that may still come"),
    ],
)
def test_what_cannot_be_told_says_why(day, explain, words, code, says):
    found, said = explain(day.settings.root, *words)
    assert found == code
    assert says in said.err
    assert not said.out


def test_a_lake_without_events_says_what_to_run(explain, tmp_path):
    code, said = explain(tmp_path, "bounce_rate", "--day", DAY)
    assert code == 75
    assert "lakehouse run +silver.web_events" in said.err
