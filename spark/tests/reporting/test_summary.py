from __future__ import annotations

import pytest

from lakehouse.reporting import summary
from lakehouse.reporting.lake import PublishedLake

from .conftest import lift_row

LIFT = "gold.feature_conversion_lift"


def answer(lake) -> list[str]:
    lines = summary.answer(PublishedLake(lake.settings))
    return [line.replace("\N{NO-BREAK SPACE}", " ") for line in lines]


@pytest.mark.parametrize(
    ("verdict", "opening"),
    [
        ("supported", "The data supports it"),
        ("association", "They are associated"),
        ("not_distinguishable", "Not distinguishable from no effect"),
    ],
)
def test_the_first_line_answers_for_real_time_collaboration(empty, verdict, opening):
    empty.publish(
        LIFT,
        [
            lift_row("boards", "Boards", "supported"),
            lift_row("real_time_collab", "Collaboration", verdict),
        ],
    )

    first, *_ = answer(empty)

    assert first.startswith(f"Does Collaboration drive conversion? {opening}")
    assert first.endswith("(as of 2026-01-21).")


def test_it_gives_the_numbers_and_names_the_other_features(empty):
    empty.publish(
        LIFT,
        [
            lift_row("real_time_collab", "Collaboration", "supported"),
            lift_row("boards", "Boards", "not_distinguishable", adjusted_lift=-0.01),
            lift_row("search", "Search", "not_distinguishable", adjusted_lift=None),
            lift_row("chat", "Chat", "supported", adjusted_lift=0.2),
        ],
    )

    lines = answer(empty)

    assert len(lines) == 5
    assert "by +8.0 percentage points" in lines[1]
    assert lines[1].endswith("(95 % interval +1.0 to +15.0).")
    assert "1.80 times as likely to convert as one who has not yet" in lines[2]
    assert "Supported: Chat (+20.0). Not distinguishable" in lines[3]
    assert "no effect: Boards (\N{MINUS SIGN}1.0), Search." in lines[3]
    assert "experiment" in lines[4]


def test_without_that_feature_the_best_supported_one_comes_first(empty):
    empty.publish(
        LIFT,
        [
            lift_row("boards", "Boards", "association", adjusted_lift=0.5),
            lift_row("chat", "Chat", "supported"),
        ],
    )

    assert answer(empty)[0].startswith("Does Chat drive conversion?")


def test_a_feature_that_everybody_uses_has_nobody_to_compare_with(empty):
    empty.publish(
        LIFT,
        [lift_row("boards", "Boards", "not_distinguishable", adjusted_lift=None, rate_ratio=None)],
    )

    assert "No comparison is possible" in answer(empty)[1]


def test_an_estimate_without_an_interval_says_so(empty):
    empty.publish(
        LIFT, [lift_row("boards", "Boards", "association", adjusted_lift_low=None, rate_ratio=None)]
    )

    lines = answer(empty)
    assert "(too few users for an interval)" in lines[1]
    assert len(lines) == 3


def test_many_features_are_cut_to_a_readable_line(empty):
    rows = [lift_row(f"f{k}", f"Feature {k}", "supported") for k in range(12)]
    empty.publish(LIFT, rows)

    assert "and 5 more" in answer(empty)[3]


def test_without_the_lift_it_shows_the_cohorts_and_says_they_mislead(lake):
    lines = answer(lake)

    assert lines[0].startswith("gold.feature_conversion_lift is not published")
    assert lines[1] == (
        "Collaboration: 50.0 % (1 of 2) of those who used it converted, "
        "0.0 % (0 of 1) of those who could have used it but did not."
    )
    assert lines[-1].startswith("This does not show cause and effect")
    assert 2 <= len(lines) <= 5


def test_an_empty_lake_has_no_answer_yet(empty):
    (line,) = answer(empty)

    assert line.startswith("No answer yet: gold.feature_conversion_lift has no rows.")
    assert line.endswith("Run `lakehouse run +gold.feature_conversion_lift`.")
