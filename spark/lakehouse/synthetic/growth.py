"""The four landing sources of the growth domain, rendered from a simulated world.

One row per release, per sign-up, per usage event and per conversion.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from lakehouse.synthetic import text
from lakehouse.synthetic.chance import Floats, Ints, draw, split, stream
from lakehouse.synthetic.conversion import PLANS, Conversions, adopt, convert
from lakehouse.synthetic.features import FEATURE_IDS, FEATURES
from lakehouse.synthetic.period import MS_PER_DAY, NEVER, moments_of_day
from lakehouse.synthetic.population import COMPANY_SIZES, INDUSTRIES, Population
from lakehouse.synthetic.releases import Roadmap, roadmap
from lakehouse.synthetic.source import SLICE_ROWS, Chunk, Source, slices

EVENT_TYPES = ("feature_used", "feature_opened", "feature_configured")

_EVENT_TYPE_WEIGHTS = (0.72, 0.20, 0.08)
_POPULARITY = np.array([feature.popularity for feature in FEATURES])
_COLLAB = FEATURE_IDS.index("real_time_collab")


@dataclass(frozen=True, kw_only=True)
class Growth:
    """Everything that happened.

    ``first_use`` has one row per user and one column per feature, NEVER without one;
    ``events_on`` counts the events of each day.
    """

    people: Population
    plan: Roadmap
    first_use: Ints
    conversions: Conversions
    events_on: Ints
    seed: int


@dataclass(frozen=True, kw_only=True)
class _Adoptions:
    """Who has adopted what, one entry per user and feature, in order of first use."""

    user: Ints
    feature: Ints
    first_ms: Ints
    weight: Floats


def simulate(people: Population, *, events: int, seed: int) -> Growth:
    """Draw adoption, conversion and the number of events of every day."""
    plan = roadmap(people.calendar.days)
    # At most half of the events are first uses; the rest is left for using it again.
    first_use = adopt(people, plan, seed=seed, limit=(events + 1) // 2)
    return Growth(
        people=people,
        plan=plan,
        first_use=first_use,
        conversions=convert(people, first_use, seed),
        events_on=_events_on(people, plan, first_use, events=events, seed=seed),
        seed=seed,
    )


def sources(world: Growth) -> list[Source]:
    """The four sources with their clean rows."""
    return [
        Source(
            name="feature_releases",
            extension="json",
            rows=len(world.plan.releases),
            chunks=_releases(world),
            key="feature_id",
            date_field="release_date",
            may_be_late=False,  # its history has a late release of its own
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
    people: Population, plan: Roadmap, first_use: Ints, *, events: int, seed: int
) -> Ints:
    """Events of each day: its first uses, and a share of the others by who could use what."""
    calendar = people.calendar
    user, feature = np.nonzero(first_use != NEVER)
    first_day = first_use[user, feature] // MS_PER_DAY
    firsts = np.bincount(first_day, minlength=calendar.days)
    demand = np.zeros((len(FEATURES), calendar.days))
    np.add.at(demand, (feature, first_day), people.activity[user])
    demand = np.cumsum(demand, axis=1) * plan.usable
    weights = _POPULARITY @ demand * calendar.weekday_weights
    return firsts + split(stream(seed, "events per day"), events - len(user), weights)


def _releases(world: Growth) -> Iterator[Chunk]:
    for row in world.plan.releases:
        fields: dict[str, Any] = {
            "feature_id": row.feature_id,
            "feature_name": row.feature_name,
            "release_date": world.people.calendar.date_of(row.day),
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
    for day, rows in slices(people.signup_day, world.people.calendar.days):
        yield Chunk(
            day,
            text.join(
                *('{"user_id":"', people.ids[rows]),
                *('","email":"', people.emails[rows]),
                *('","signup_date":"', world.people.calendar.date_of(day)),
                *('","company_size":', text.pick(sizes, people.company_size[rows])),
                *(',"industry":', text.pick(industries, people.industry[rows])),
                "}\n",
            ),
        )


def _conversions(world: Growth) -> Iterator[Chunk]:
    people, made = world.people, world.conversions
    plans = text.json_pool(PLANS)
    collab_day = world.first_use[:, _COLLAB] // MS_PER_DAY
    for day, rows in slices(made.at_ms // MS_PER_DAY, world.people.calendar.days):
        user = made.user[rows]
        yield Chunk(
            day,
            text.join(
                *('{"user_id":"', text.pick(people.ids, user)),
                *('","conversion_date":"', world.people.calendar.date_of(day)),
                *('","plan":', text.pick(plans, made.plan[rows])),
                *(',"mrr":', text.money(made.mrr_cents[rows])),
                *(',"signup_date":"', text.dates(world.people.calendar, people.signup_day[user])),
                *('","days_to_convert":', text.numbers(day - people.signup_day[user])),
                *(',"used_real_time_collab":', text.booleans(collab_day[user] <= day)),
                "}\n",
            ),
        )


def _events(world: Growth) -> Iterator[Chunk]:
    """Every first use at its moment, and further uses of what a user has adopted."""
    people, adopted = world.people, _adoptions(world)
    ids, types = text.json_pool(FEATURE_IDS), text.json_pool(EVENT_TYPES)
    number = 1
    for day in range(people.calendar.days):
        rng = stream(world.seed, "events", day)
        chosen, at_ms = _uses_on(world, adopted, day, rng)
        kind = draw(rng, _EVENT_TYPE_WEIGHTS, len(chosen))
        names = text.json_pool(world.plan.names_on(day))
        for begin in range(0, len(chosen), SLICE_ROWS):
            rows = slice(begin, begin + SLICE_ROWS)
            user, feature = adopted.user[chosen[rows]], adopted.feature[chosen[rows]]
            lines = text.join(
                *('{"event_id":"e_', text.numbers(np.arange(number, number + len(user)), 9)),
                *('","user_id":"', text.pick(people.ids, user)),
                *('","feature_id":', text.pick(ids, feature)),
                *(',"feature_name":', text.pick(names, feature)),
                *(',"event_type":', text.pick(types, kind[rows])),
                *(',"event_timestamp":"', text.iso_timestamps(people.calendar, at_ms[rows])),
                '"}\n',
            )
            number += len(user)
            yield Chunk(day, lines)


def _adoptions(world: Growth) -> _Adoptions:
    user, feature = np.nonzero(world.first_use != NEVER)
    first_ms = world.first_use[user, feature]
    order = np.argsort(first_ms, kind="stable")
    user, feature = user[order], feature[order]
    return _Adoptions(
        user=user,
        feature=feature,
        first_ms=first_ms[order],
        weight=world.people.activity[user] * _POPULARITY[feature],
    )


def _uses_on(
    world: Growth, adopted: _Adoptions, day: int, rng: np.random.Generator
) -> tuple[Ints, Ints]:
    """The adoptions behind the events of a day and their moments, in order of time."""
    midnight = day * MS_PER_DAY
    begin, end = np.searchsorted(adopted.first_ms, [midnight, midnight + MS_PER_DAY])
    again = int(world.events_on[day] - (end - begin))
    known = np.flatnonzero(world.plan.usable[adopted.feature[:end], day])
    pair = known[draw(rng, adopted.weight[known], again)] if again else known[:0]
    passed = moments_of_day(rng, again)
    first_ms = adopted.first_ms[pair]
    # On the day of first use, the others come after it.
    after_first = first_ms + (midnight + MS_PER_DAY - first_ms) * passed // MS_PER_DAY
    at_ms = np.where(first_ms >= midnight, after_first, midnight + passed)
    pair = np.concatenate([np.arange(begin, end), pair])
    at_ms = np.concatenate([adopted.first_ms[begin:end], at_ms])
    order = np.argsort(at_ms, kind="stable")
    return pair[order], at_ms[order]
