"""The four landing sources of the growth domain, rendered from a simulated world.

One row per release, per sign-up, per usage event and per conversion.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from lakehouse.synthetic import text
from lakehouse.synthetic.chance import Bools, Ints, draw, split, stream
from lakehouse.synthetic.conversion import PLANS, Conversions, adopt, convert
from lakehouse.synthetic.features import (
    FEATURE_IDS,
    FEATURES,
    Release,
    State,
    names_on,
    releases,
    states,
    usable,
)
from lakehouse.synthetic.period import MS_PER_DAY, NEVER, Calendar, moments_of_day
from lakehouse.synthetic.population import COMPANY_SIZES, INDUSTRIES, Population
from lakehouse.synthetic.source import Chunk, Source, slices

EVENT_TYPES = ("feature_used", "feature_opened", "feature_configured")

_EVENT_TYPE_WEIGHTS = (0.72, 0.20, 0.08)
_COLLAB = FEATURE_IDS.index("real_time_collab")


@dataclass(frozen=True, kw_only=True)
class Growth:
    """Everything that happened; ``first_use`` is one row per user, one column per feature, NEVER without one."""

    people: Population
    calendar: Calendar
    history: list[Release]
    intervals: list[State]
    usable: Bools
    first_use: Ints
    conversions: Conversions
    events_on: Ints
    seed: int


def simulate(people: Population, calendar: Calendar, *, events: int, seed: int) -> Growth:
    """Draw adoption, conversion and the number of events of every day."""
    history = releases(calendar)
    intervals = states(history)
    usable_on = usable(intervals, calendar.days)
    # At most half of the events are first uses; the rest is left for using it again.
    limit = (events + 1) // 2
    first_use = adopt(people, calendar, usable_on, history, seed=seed, limit=limit)
    return Growth(
        people=people,
        calendar=calendar,
        history=history,
        intervals=intervals,
        usable=usable_on,
        first_use=first_use,
        conversions=convert(people, first_use, calendar, seed),
        events_on=_events_on(people, calendar, usable_on, first_use, events=events, seed=seed),
        seed=seed,
    )


def sources(world: Growth) -> list[Source]:
    """The four sources with their clean rows."""
    return [
        Source(
            name="feature_releases",
            extension="json",
            rows=len(world.history),
            chunks=_releases(world),
            key="feature_id",
            date_field="release_date",
        ),
        Source(
            name="user_signups",
            extension="jsonl",
            rows=len(world.people),
            chunks=_signups(world),
            key="user_id",
            date_field="signup_date",
        ),
        Source(
            name="feature_usage_events",
            extension="jsonl",
            rows=int(world.events_on.sum()),
            chunks=_events(world),
            key="event_id",
            date_field="event_timestamp",
        ),
        Source(
            name="conversions",
            extension="jsonl",
            rows=len(world.conversions.user),
            chunks=_conversions(world),
            key="user_id",
            date_field="conversion_date",
            number_field="mrr",
        ),
    ]


def _events_on(
    people: Population,
    calendar: Calendar,
    usable_on: Bools,
    first_use: Ints,
    *,
    events: int,
    seed: int,
) -> Ints:
    """Events of each day: its first uses, and a share of the others by who could use what."""
    user, feature = np.nonzero(first_use != NEVER)
    first_day = first_use[user, feature] // MS_PER_DAY
    firsts = np.bincount(first_day, minlength=calendar.days)
    demand = np.zeros((len(FEATURES), calendar.days))
    np.add.at(demand, (feature, first_day), people.activity[user])
    demand = np.cumsum(demand, axis=1) * usable_on
    popularity = np.array([each.popularity for each in FEATURES])
    weights = popularity @ demand * calendar.weekday_weights
    return firsts + split(stream(seed, "events per day"), events - len(user), weights)


def _releases(world: Growth) -> Iterator[Chunk]:
    for row in world.history:
        fields: dict[str, Any] = {
            "feature_id": row.feature_id,
            "feature_name": row.feature_name,
            "release_date": world.calendar.date_of(row.day),
            "version": row.version,
            "is_enabled": row.is_enabled,
            "is_deleted": row.is_deleted,
        }
        present = {name: value for name, value in fields.items() if value is not None}
        line = json.dumps(present, separators=(",", ":"))
        yield Chunk(row.delivered_day, text.pool([line + "\n"]))


def _signups(world: Growth) -> Iterator[Chunk]:
    people = world.people
    sizes, industries = text.json_pool(COMPANY_SIZES), text.json_pool(INDUSTRIES)
    for day, rows in slices(people.signup_day, world.calendar.days):
        yield Chunk(
            day,
            text.join(
                *('{"user_id":"', people.ids[rows]),
                *('","email":"', people.emails[rows]),
                *('","signup_date":"', world.calendar.date_of(day)),
                *('","company_size":', text.pick(sizes, people.company_size[rows])),
                *(',"industry":', text.pick(industries, people.industry[rows])),
                "}\n",
            ),
        )


def _conversions(world: Growth) -> Iterator[Chunk]:
    people, made = world.people, world.conversions
    plans = text.json_pool(PLANS)
    collab_day = world.first_use[:, _COLLAB] // MS_PER_DAY
    for day, rows in slices(made.at_ms // MS_PER_DAY, world.calendar.days):
        user = made.user[rows]
        yield Chunk(
            day,
            text.join(
                *('{"user_id":"', text.pick(people.ids, user)),
                *('","conversion_date":"', world.calendar.date_of(day)),
                *('","plan":', text.pick(plans, made.plan[rows])),
                *(',"mrr":', text.money(made.mrr_cents[rows])),
                *(',"signup_date":"', text.dates(world.calendar, people.signup_day[user])),
                *('","days_to_convert":', text.numbers(day - people.signup_day[user])),
                *(',"used_real_time_collab":', text.booleans(collab_day[user] <= day)),
                "}\n",
            ),
        )


def _events(world: Growth) -> Iterator[Chunk]:
    """Every first use at its moment, and further uses of what a user has adopted."""
    user, feature = np.nonzero(world.first_use != NEVER)
    first_ms = world.first_use[user, feature]
    order = np.argsort(first_ms, kind="stable")
    user, feature, first_ms = user[order], feature[order], first_ms[order]
    first_day = first_ms // MS_PER_DAY
    weights = world.people.activity[user] * np.array([f.popularity for f in FEATURES])[feature]
    number = 1
    for day in range(world.calendar.days):
        rng = stream(world.seed, "events", day)
        begin, end = np.searchsorted(first_day, [day, day + 1])
        again = int(world.events_on[day]) - int(end - begin)
        known = np.flatnonzero(world.usable[feature[:end], day])
        pair = known[draw(rng, weights[known], again)] if again else known[:0]
        midnight = day * MS_PER_DAY
        at_ms = midnight + moments_of_day(rng, again)
        # On the day of first use, the others come after it.
        rest = (midnight + MS_PER_DAY - first_ms[pair]) * (at_ms - midnight) // MS_PER_DAY
        at_ms = np.where(first_day[pair] == day, first_ms[pair] + rest, at_ms)
        pair = np.concatenate([np.arange(begin, end), pair])
        at_ms = np.concatenate([first_ms[begin:end], at_ms])
        order = np.argsort(at_ms, kind="stable")
        kinds = draw(rng, _EVENT_TYPE_WEIGHTS, len(order))
        names = text.json_pool(names_on(world.intervals, day))
        for _, rows in slices(np.zeros(len(order), dtype=np.int64), 1):
            chosen = pair[order[rows]]
            ids = np.arange(number, number + len(chosen))
            number += len(chosen)
            yield Chunk(
                day,
                _event_lines(
                    world,
                    ids=ids,
                    user=user[chosen],
                    feature=feature[chosen],
                    names=names,
                    kind=kinds[rows],
                    at_ms=at_ms[order[rows]],
                ),
            )


def _event_lines(
    world: Growth,
    *,
    ids: Ints,
    user: Ints,
    feature: Ints,
    names: text.Text,
    kind: Ints,
    at_ms: Ints,
) -> text.Text:
    return text.join(
        *('{"event_id":"e_', text.numbers(ids, 9)),
        *('","user_id":"', text.pick(world.people.ids, user)),
        *('","feature_id":', text.pick(text.json_pool(FEATURE_IDS), feature)),
        *(',"feature_name":', text.pick(names, feature)),
        *(',"event_type":', text.pick(text.json_pool(EVENT_TYPES), kind)),
        *(',"event_timestamp":"', text.iso_timestamps(world.calendar, at_ms)),
        '"}\n',
    )
