"""What is true about the data: the content of `truth.json`, one section per domain.

The growth section counts from the simulated world by the definitions of the marts; the
interactions section takes what was tallied while the rows were rendered.
"""

from typing import Any

import numpy as np

from lakehouse.synthetic.activity import HOT_SHARE, Activity, retention
from lakehouse.synthetic.conversion import (
    ACTIVITY_RATE_FACTORS,
    BASE_DAILY_RATE,
    PLANS,
    PRICE_PER_SEAT,
    SEATS,
    SIZE_RATE_FACTORS,
)
from lakehouse.synthetic.features import FEATURES, Feature
from lakehouse.synthetic.growth import Growth
from lakehouse.synthetic.interactions import (
    DEVICE_FACTORS,
    INCIDENT_FACTOR,
    INCIDENT_PAGE,
    INCIDENT_VERSION,
    OUTLIER_MS,
    incident_days,
)
from lakehouse.synthetic.period import (
    HOUR_WEIGHTS,
    MS_PER_DAY,
    NEVER,
    WEEKDAY_WEIGHTS,
    Calendar,
)
from lakehouse.synthetic.population import ACTIVITY_CLASSES, COMPANY_SIZES
from lakehouse.synthetic.profiles import DEVICES
from lakehouse.synthetic.releases import FAR_FUTURE, State
from lakehouse.synthetic.sessions import BOUNCE_SHARE, SESSION_GAP_S

_PERSON_TIME = (
    "days from sign-up to the day of first use (before) and from there to the first conversion or "
    "as_of_date (after); a conversion on the day of first use counts as after"
)


_RETENTION = (
    "chance to be active in whole calendar week 0, 1, ... after that of joining; 1 - (1 - chance) "
    "** share for a week of which only a share lies in the period; active_by_week is what came out"
)


def growth_truth(world: Growth) -> dict[str, Any]:
    """The growth section."""
    made, people = world.conversions, world.people
    calendar = people.calendar
    days_with_events = np.flatnonzero(world.events_on)
    as_of = int(days_with_events[-1]) if len(days_with_events) else calendar.days - 1
    converted = made.first_ms != NEVER
    return {
        "users": len(people),
        "as_of_date": calendar.date_of(as_of),
        "conversion": {
            "rows": len(made.user),
            "converted_users": int(converted.sum()),
            "conversion_rate": _ratio(converted.sum(), len(people)),
            "upgrades": made.upgrades,
            "same_day_upgrades": made.same_day_upgrades,
            "base_daily_rate": BASE_DAILY_RATE,
            "rate_factor_by_company_size": dict(zip(COMPANY_SIZES, SIZE_RATE_FACTORS, strict=True)),
            "rate_factor_by_activity": dict(
                zip(ACTIVITY_CLASSES, ACTIVITY_RATE_FACTORS, strict=True)
            ),
            "mrr_range_by_plan": {
                plan: [low * price, high * price]
                for plan, (low, high), price in zip(PLANS, SEATS, PRICE_PER_SEAT, strict=True)
            },
        },
        "person_time_definition": _PERSON_TIME,
        "features": {
            feature.id: _feature_truth(world, column, feature, as_of)
            for column, feature in enumerate(FEATURES)
        },
        "feature_states": [_state(state, calendar) for state in world.plan.states],
        "late_release": [
            {
                "feature_id": row.feature_id,
                "version": row.version,
                "release_date": calendar.date_of(row.day),
                "delivered_on": calendar.date_of(row.delivered_day),
            }
            for row in world.plan.releases
            if row.delivered_day > max(row.day, 0)
        ],
    }


def _feature_truth(world: Growth, column: int, feature: Feature, as_of: int) -> dict[str, Any]:
    """Effect, adoption, the cohorts of the impact mart, and person-time of one feature."""
    signup, calendar = world.people.signup_day, world.people.calendar
    first_ms = world.conversions.first_ms
    converted = first_ms != NEVER
    first_use = world.first_use[:, column]
    adopted = first_use != NEVER
    used_on = np.where(adopted, first_use // MS_PER_DAY, np.iinfo(np.int64).max)
    until = np.where(converted, first_ms // MS_PER_DAY, as_of)
    released_on = world.plan.first_release_day(feature.id)
    used = used_on <= until
    available = ~used & (released_on <= until)
    cohorts = {
        "used_before_conversion": used,
        "available_not_used": available,
        "not_available": ~used & ~available,
    }
    # A user who signs up after the last event has no time at risk.
    at_risk = np.maximum(until - signup, 0)
    before = np.minimum(at_risk, np.where(used, used_on - signup, at_risk))
    spans = {
        "before": (int(before.sum()), int((converted & ~used).sum())),
        "after": (int((at_risk - before).sum()), int((converted & used).sum())),
    }
    rates = {name: _ratio(count, days) for name, (days, count) in spans.items()}
    return {
        "hazard_ratio": feature.hazard_ratio,
        "planted": feature.planted,
        "first_release_date": calendar.date_of(released_on),
        "users_adopted": int(adopted.sum()),
        "cohorts": {
            name: {
                "total_users": int(is_in.sum()),
                "converted_users": int((is_in & converted).sum()),
            }
            for name, is_in in cohorts.items()
        },
        "person_time": {
            name: {"days": days, "conversions": count, "daily_rate": rates[name]}
            for name, (days, count) in spans.items()
        },
        "person_time_rate_ratio": _ratio(rates["after"], rates["before"]),
    }


def _state(state: State, calendar: Calendar) -> dict[str, Any]:
    return {
        "feature_id": state.feature_id,
        "feature_name": state.feature_name,
        "version": state.version,
        "is_enabled": state.is_enabled,
        "effective_from": calendar.date_of(state.from_day),
        "effective_to": FAR_FUTURE if state.to_day is None else calendar.date_of(state.to_day),
        "is_current": state.to_day is None,
    }


def interactions_truth(activity: Activity) -> dict[str, Any]:
    """The interactions section; the tally must be complete."""
    calendar, tally = activity.calendar, activity.tally
    return {
        "rows": activity.rows,
        "users": int(activity.active.any(axis=1).sum()),
        "hot_user": {
            "user_id": activity.people.ids[activity.hot_user].as_py(),
            "planted_share": HOT_SHARE,
            "rows": tally.hot_rows,
            "share": _ratio(tally.hot_rows, activity.rows),
        },
        "retention": {
            "definition": _RETENTION,
            "planted_curve": [round(float(rate), 6) for rate in retention(calendar.weeks)],
            "cohorts": _cohorts(activity),
        },
        "incident": _incident(activity),
        "sessions": {
            "gap_s": SESSION_GAP_S,
            "sessions": tally.sessions,
            "bounces": tally.bounces,
            "planted_bounce_share": BOUNCE_SHARE,
            "across_midnight": tally.sessions_across_midnight,
        },
        "durations": {
            "factor_by_device": dict(zip(DEVICES, DEVICE_FACTORS, strict=True)),
            "outlier_threshold_ms": OUTLIER_MS,
            "outlier_rows": tally.outliers,
        },
        "seasonality": {
            "weekday_weights_monday_first": list(WEEKDAY_WEIGHTS),
            "hour_weights_utc": list(HOUR_WEIGHTS),
        },
        "daily_active_users": {
            calendar.date_of(day): users for day, users in enumerate(tally.daily_users)
        },
        "metadata": activity.profiles.truth()
        | {"interactions_without_metadata": tally.rows_without_metadata},
    }


def _incident(activity: Activity) -> dict[str, Any] | None:
    """When, where and how much slower; None where none was planted."""
    if not activity.has_incident:
        return None
    first, last = incident_days(activity.calendar)
    return {
        "from": activity.calendar.date_of(first),
        "to": activity.calendar.date_of(last),
        "page_id": INCIDENT_PAGE,
        "app_version": INCIDENT_VERSION,
        "duration_factor": INCIDENT_FACTOR,
        "rows": activity.tally.incident_rows,
    }


def _cohorts(activity: Activity) -> list[dict[str, Any]]:
    """Users by the week of their first activity, and how many come back in which week."""
    calendar, active = activity.calendar, activity.active
    begins = np.where(active.any(axis=1), active.argmax(axis=1), -1)
    cohorts = []
    for week in range(calendar.weeks):
        counts = active[begins == week].sum(axis=0)
        if counts[week]:
            cohorts.append({
                "cohort_week": calendar.date_of(calendar.monday_of(week)),
                "users": int(counts[week]),
                "active_by_week": [int(count) for count in counts[week:]],
            })  # fmt: skip
    return cohorts


def _ratio(part: float | None, whole: float | None) -> float | None:
    """A quotient to six places; None where it has no meaning."""
    return None if part is None or not whole else round(float(part) / float(whole), 6)
