"""Attribution by seven models on literal rows; credits by hand."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal

import pytest
from tables.mirror import rows
from tables.mirrors.web_rows import START, web_event

from lakehouse.metrics.attribution import MODELS
from lakehouse.metrics.web_policies import Attribution
from lakehouse.tables.gold.web import attribution, channel_attribution
from lakehouse.transforms.markov import CONVERSION, NOTHING, removal_effects
from lakehouse.transforms.markov import START as ENTRY

pytestmark = pytest.mark.spark
DAY = timedelta(days=1)
CONVERTED = START + 20 * DAY


def session(number, days_before, channel, visitor="v", **more):
    began = CONVERTED - days_before * DAY
    known = {name: web_event("x", began)[name] for name in ("source", "medium", "is_bot")}
    return {
        **known,
        "session_id": f"{visitor}{number}",
        "visitor_id": visitor,
        "session_number": number,
        "started_at": began,
        "session_date": began.date(),
        "channel": channel,
        "is_internal": False,
        **more,
    }


def conversion(number, visitor="v", identity="c", value=None, **more):
    return {
        "event_id": identity,
        "visitor_id": visitor,
        "session_number": number,
        "conversion_type": "purchase",
        "converted_at": CONVERTED,
        "conversion_date": CONVERTED.date(),
        "value": value,
        "is_bot": False,
        "is_internal": False,
        **more,
    }


def shares_of(spark, conversions, sessions, **policy):
    """Model → credits of the touches, by number."""
    policies = [Attribution(**policy)]
    found = rows(spark, attribution, conversions, sessions, policies=policies)
    told = {model: {} for model in MODELS}
    for row in found:
        told[row["model"]][row["touch_number"]] = row["credit"]
    for model, shares in told.items():
        assert sum(shares.values()) == pytest.approx(1, abs=1e-12), model
    return told


def test_the_only_touch_gets_all(spark):
    found = shares_of(spark, [conversion(1)], [session(1, 0, "Email")])
    assert found == {model: {1: 1.0} for model in MODELS}


def test_of_two_touches(spark):
    found = shares_of(spark, [conversion(2)], [session(1, 7, "Email"), session(2, 0, "Direct")])
    assert found["first"] == {1: 1.0}
    assert found["last"] == {2: 1.0}
    assert found["last_non_direct"] == {1: 1.0}
    assert found["linear"] == {1: 0.5, 2: 0.5}
    assert found["position"] == {1: 0.5, 2: 0.5}
    # 2^-1 against 2^0
    assert found["time_decay"] == pytest.approx({1: 1 / 3, 2: 2 / 3}, abs=1e-8)
    # All paths go through both: without either nobody converts.
    assert found["markov"] == {1: 0.5, 2: 0.5}


def test_of_four_touches(spark):
    told = [("Paid Search", 21), ("Email", 14), ("Direct", 7), ("Referral", 0)]
    given = [session(n, days, name) for n, (name, days) in enumerate(told, 1)]
    found = shares_of(spark, [conversion(4)], given)
    assert found["position"] == pytest.approx({1: 0.4, 2: 0.1, 3: 0.1, 4: 0.4}, abs=1e-9)
    assert found["time_decay"] == pytest.approx(
        {1: 1 / 15, 2: 2 / 15, 3: 4 / 15, 4: 8 / 15}, abs=1e-6
    )
    assert found["last_non_direct"] == {4: 1.0}
    other = shares_of(spark, [conversion(4)], given, first_rate=0.5, last_rate=0.3)
    assert other["position"] == pytest.approx({1: 0.5, 2: 0.1, 3: 0.1, 4: 0.3}, abs=1e-9)


def test_where_all_were_direct_the_last_gets_it(spark):
    found = shares_of(spark, [conversion(2)], [session(1, 1, "Direct"), session(2, 0, "Direct")])
    assert found["last_non_direct"] == {2: 1.0}


def test_sessions_that_are_too_old_or_came_after_touch_nothing(spark):
    given = [
        session(1, 30.001, "Email"),
        session(2, 30, "Referral"),
        session(3, 0, "Direct"),
        session(4, -1, "Email"),
    ]
    found = shares_of(spark, [conversion(3)], given)
    assert found["linear"] == {1: 0.5, 2: 0.5}
    assert found["first"] == {1: 1.0}
    (first,) = [
        row for row in rows(spark, attribution, [conversion(3)], given) if row["model"] == "first"
    ]
    assert (first["channel"], first["n_touches"]) == ("Referral", 2)


def test_its_own_session_touches_a_conversion_until_it_is_a_quarter_old(spark):
    found = shares_of(spark, [conversion(1)], [session(1, 92, "Email")])
    assert found["linear"] == {1: 1.0}
    assert rows(spark, attribution, [conversion(1)], [session(1, 92.001, "Email")]) == []


def test_thirds_add_up_and_the_last_touch_takes_the_rest(spark):
    given = [session(n, 3 - n, "Email") for n in (1, 2, 3)]
    found = shares_of(spark, [conversion(3)], given)
    assert found["linear"] == {1: 0.333333333, 2: 0.333333333, 3: 0.333333334}


def test_markov_by_hand():
    moves = [
        {"origin": ENTRY, "target": "Email", "n": 2},
        {"origin": ENTRY, "target": "Referral", "n": 2},
        {"origin": "Email", "target": "Referral", "n": 1},
        {"origin": "Email", "target": CONVERSION, "n": 1},
        {"origin": "Referral", "target": CONVERSION, "n": 1},
        {"origin": "Referral", "target": NOTHING, "n": 2},
    ]
    # From Referral 1/3 convert; from Email 1/2 + 1/2 x 1/3 = 2/3; from the start 1/2.
    # Without Email 1/2 x 1/3 = 1/6: lost 2/3. Without Referral 1/2 x 1/2 = 1/4: lost 1/2.
    assert removal_effects(json.dumps(moves)) == {"Email": 0.666667, "Referral": 0.5}


def test_visitors_who_did_not_convert_lead_to_nothing_and_programs_lead_nowhere(spark):
    given = [
        session(1, 1, "Email"),
        session(2, 0, "Referral"),
        session(1, 5, "Referral", "w"),
        session(1, 5, "Referral", "x", is_bot=True),
    ]
    found = shares_of(spark, [conversion(2)], given)
    # (start) → Email → Referral → (conversion), (start) → Referral → (nothing): from Referral 1/2
    # convert, from the start 1/2. Without Email 1/4: lost 1/2. Without Referral nobody: lost 1.
    assert found["markov"] == pytest.approx({1: 1 / 3, 2: 2 / 3}, abs=1e-6)


def test_channels_get_what_their_touches_got_by_view(spark):
    people = [session(1, 1, "Email"), session(2, 0, "Direct")]
    program = session(1, 0, "Direct", "b", is_bot=True)
    given = [
        conversion(2, value=Decimal(30)),
        conversion(1, "b", identity="d", value=Decimal(5), is_bot=True),
    ]
    credited = rows(spark, attribution, given, [*people, program])
    found = rows(spark, channel_attribution, credited, [], as_of=(CONVERTED + DAY).date())
    linear = {
        (row["view"], row["channel"]): (row["conversions"], row["value"], row["is_complete"])
        for row in found
        if row["model"] == "linear"
    }
    assert linear == {
        ("all", "Email"): (0.5, 15.0, True),
        ("all", "Direct"): (1.5, 20.0, True),
        ("human", "Email"): (0.5, 15.0, True),
        ("human", "Direct"): (0.5, 15.0, True),
        ("strict", "Email"): (0.5, 15.0, True),
        ("strict", "Direct"): (0.5, 15.0, True),
    }


def test_without_conversions_there_is_nothing_to_share(spark):
    assert rows(spark, attribution, [], [session(1, 0, "Email")]) == []
    assert rows(spark, attribution, [], []) == []
    assert rows(spark, channel_attribution, [], []) == []
