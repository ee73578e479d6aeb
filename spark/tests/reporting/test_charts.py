from __future__ import annotations

from datetime import date
from xml.etree import ElementTree as ET

import pytest

from lakehouse.reporting import svg
from lakehouse.reporting.charts.bars import Bar, Group, grouped_bars
from lakehouse.reporting.charts.days import Panel as Days
from lakehouse.reporting.charts.days import day_panels
from lakehouse.reporting.charts.forest import Estimate, Panel, Row, forest
from lakehouse.reporting.charts.timeline import Interval, Lane, timeline
from lakehouse.reporting.charts.weeks import Series, small_multiples, stacked_panels
from lakehouse.reporting.growth import Weeks


def texts(drawing: str) -> list[str]:
    return ["".join(node.itertext()) for node in ET.fromstring(drawing).iter("text")]  # noqa: S314  # ours


def classes(drawing: str, tag: str) -> list[str]:
    return [node.get("class", "") for node in ET.fromstring(drawing).iter(tag)]  # noqa: S314  # ours


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 0.19, [0, 0.05, 0.1, 0.15, 0.2]),
        (-0.038, 0.076, [-0.05, 0, 0.05, 0.1]),
        (0, 0, [0, 0.25, 0.5, 0.75, 1]),
    ],
    ids=["rates", "around zero", "nothing"],
)
def test_ticks_are_round_and_cover_the_data(low, high, expected):
    assert svg.ticks(low, high, 4) == pytest.approx(expected)


@pytest.mark.parametrize("high", [0, 1, 2, 7, 1234], ids=str)
def test_ticks_of_counts_are_whole(high):
    marks = svg.count_ticks(high)

    assert marks[0] == 0
    assert marks[-1] >= max(high, 1)
    assert all(mark.is_integer() for mark in marks)


def test_a_scale_keeps_values_inside():
    scale = svg.Scale(0, 10, 100, 200)

    assert [scale(v) for v in (-5, 0, 5, 10, 99)] == [100, 100, 150, 200, 200]
    assert svg.Scale(0.1, 10, 0, 100, log=True)(1) == 50
    assert svg.Scale(3, 3, 0, 100)(3) == 0


def test_a_long_label_is_cut_and_shows_whole_when_pointed_at():
    label = svg.text(0, 0, "a name that is far too long", width=60)

    assert label.count("a name that is far too long") == 1
    assert "<title>" in label
    assert "…" in label


def test_text_is_escaped():
    assert "<b>" not in svg.text(0, 0, "<b>")
    assert "<b>" not in svg.rect(0, 0, 1, 1, "c1", tip="<b>")


def test_a_bar_beyond_the_scale_is_cut_with_an_arrow():
    series = {"x": ("c1", "X"), "y": ("c2", "Y")}
    groups = [Group("f", {"x": Bar(1.0, "100 %"), "y": Bar(0.1, "10 %")}), Group("g", {})]

    drawing = grouped_bars("t", groups, series, 0.2)

    assert classes(drawing, "path") == ["c1"]
    assert {"100 %", "10 %", "f", "g", "X", "Y"} <= set(texts(drawing))


def test_a_forest_plot_draws_what_there_is():
    panel = Panel("Lift", "points", 0, str)
    ratio = Panel("Ratio", "times", 1, lambda v: f"{v:g}", log=True)
    whole = Estimate(0.1, 0.05, 0.15, "")
    rows = [
        Row("a", [whole, Estimate(300.0, 0.001, 4000.0, "")], "yes", "supported"),
        Row(
            "b", [Estimate(0.1, None, None, ""), Estimate(None, None, None, "")], "?", "association"
        ),
    ]

    drawing = forest("t", [panel, ratio], rows)

    assert classes(drawing, "path") == ["point supported", "point association", "point supported"]
    assert classes(drawing, "line").count("whisker supported") == 6
    assert "no comparison" in texts(drawing)
    assert {"0.05", "1", "20"} <= set(texts(drawing))


def test_weeks_without_rows_are_shown_as_empty():
    weeks = Weeks.of([date(2026, 1, 5), date(2026, 1, 25)], date(2026, 1, 25))

    assert weeks.shown == [date(2026, 1, 5), date(2026, 1, 12), date(2026, 1, 19)]
    assert weeks.partial == frozenset()
    assert weeks.sums({date(2026, 1, 6): 2, date(2026, 1, 11): 3, date(2026, 2, 20): 9}) == [
        5,
        0,
        0,
    ]


def test_weeks_the_data_do_not_cover_are_partial():
    weeks = Weeks.of([date(2026, 1, 7), date(2026, 1, 20)], None)

    assert weeks.partial == {date(2026, 1, 5), date(2026, 1, 19)}
    assert weeks.label(date(2026, 1, 5)) == "2026-01-05 (incomplete)"


def test_only_the_last_year_of_weeks_is_shown():
    weeks = Weeks.of([date(1, 1, 1)], date(2026, 1, 25))

    assert len(weeks.shown) == 52
    assert weeks.note == " From 2025-01-27 to 2026-01-25 (the last 52 weeks)."


def test_a_partial_week_is_pale():
    weeks = [date(2026, 1, 5), date(2026, 1, 12)]
    series = [Series("A", [3, 1], "c1", "user"), Series("B", [0, 0], "c2", "user")]

    for draw in (stacked_panels, small_multiples):
        drawing = draw("t", weeks, {weeks[1]}, series)
        assert classes(drawing, "rect") == ["c1", "c1 partial", "c2", "c2 partial"]


def test_a_timeline_labels_intervals_that_have_room():
    lane = Lane(
        "boards",
        [
            Interval(date(2025, 1, 1), date(2025, 12, 31), "1.0", "tip", "c1"),
            Interval(date(2025, 12, 31), date(2026, 1, 1), "1.1", "tip", "outline"),
            Interval(date(2026, 1, 1), None, "2.0", "tip", "c1"),
        ],
    )

    drawing = timeline("t", [lane], date(2026, 6, 30), [("c1", "on"), ("outline", "off")])

    assert classes(drawing, "rect") == ["c1", "outline", "c1", "outline", "c1"]
    labels = texts(drawing)
    assert {"1.0", "2.0", "boards", "as of 2026-06-30", "on", "off"} <= set(labels)
    assert "1.1" not in labels


def test_days_above_what_is_good_have_the_other_colour_and_unknown_ones_no_column():
    days = [date(2026, 1, 5 + k) for k in range(4)]
    values = [200.0, 201.0, None, 0.0]
    bounded = Days(
        title="INP",
        values=values,
        words=lambda v: f"{v:.0f} ms",
        tick=str,
        limit=200,
        limit_words="good up to 200 ms",
    )
    free = Days(title="LCP", values=[None] * 4, words=str, tick=str)

    drawing = day_panels("t", days, [bounded, free])

    assert classes(drawing, "rect") == ["c1", "c2", "c1"]
    assert classes(drawing, "line").count("zero") == 1
    assert {"INP", "LCP", "good up to 200 ms", "5 Jan"} <= set(texts(drawing))
    assert "INP, 2026-01-06: 201 ms" in drawing


def test_panels_without_a_day_are_still_a_drawing():
    assert classes(day_panels("t", [], []), "rect") == []
