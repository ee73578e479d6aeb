"""Where and with what people use the product, over time. One row per user and change.

Planted: country, device and plan change (plans with the conversions of the growth domain), some
rows repeat the state before them, and a few users never get a row at all.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from lakehouse.synthetic import text
from lakehouse.synthetic.chance import Bools, Ints, draw, stream
from lakehouse.synthetic.conversion import PLANS, Conversions
from lakehouse.synthetic.period import MS_PER_DAY
from lakehouse.synthetic.population import Population
from lakehouse.synthetic.source import Chunk, Source, slices

COUNTRIES = (
    *("US", "GB", "DE", "IN", "FR", "BR", "CA", "AU", "NL", "ES"),
    *("JP", "SE", "PL", "IT", "MX", "SG", "ZA", "NG"),
)
DEVICES = ("desktop", "mobile", "tablet")
SUBSCRIPTIONS = ("free", *PLANS)

_COUNTRY_WEIGHTS = 1 / np.arange(1, len(COUNTRIES) + 1) ** 0.9
_DEVICE_WEIGHTS = (0.56, 0.34, 0.10)
_CHANGES_PER_USER = 0.25
_CHANGED_COLUMN_WEIGHTS = (0.2, 0.6, 0.0, 0.2)  # country, device, plan, none: row repeats itself
_MISSING_SHARE = 0.005
_COLUMNS = ("country", "device_type", "subscription_type")


@dataclass(frozen=True, kw_only=True)
class Profiles:
    """States of users in order of (user, at_ms); the first state begins on the day of joining.

    ``values`` holds indices into COUNTRIES, DEVICES and SUBSCRIPTIONS, one column each.
    """

    user: Ints
    at_ms: Ints
    values: Ints
    missing: Bools
    span_ms: int

    def device_of(self, user: Ints, at_ms: Ints) -> Ints:
        """The device that a user has at a moment."""
        begins = self.user * self.span_ms + self.at_ms
        valid = np.searchsorted(begins, user * self.span_ms + at_ms, side="right") - 1
        device: Ints = self.values[valid, 1]
        return device

    @property
    def delivered(self) -> Ints:
        """States that appear in the landing file, in order of time."""
        shown = np.flatnonzero(~self.missing[self.user])
        return shown[np.argsort(self.at_ms[shown], kind="stable")]

    def truth(self) -> dict[str, Any]:
        """What a history of these rows must show."""
        shown = ~self.missing[self.user]
        follows = np.concatenate([[False], self.user[1:] == self.user[:-1]]) & shown
        changed = np.concatenate([[[False] * 3], self.values[1:] != self.values[:-1]])
        changed &= follows[:, None]
        return {
            "rows": int(shown.sum()),
            "users": int((~self.missing).sum()),
            "users_without_metadata": int(self.missing.sum()),
            "changes": {name: int(changed[:, i].sum()) for i, name in enumerate(_COLUMNS)},
            "rows_without_change": int((follows & ~changed.any(axis=1)).sum()),
            "distinct_states": int((shown & (~follows | changed.any(axis=1))).sum()),
        }


def profile(people: Population, conversions: Conversions, *, keep: int, seed: int) -> Profiles:
    """Draw the states of all users; the user ``keep`` always has metadata."""
    rng = stream(seed, "profiles")
    users, calendar = len(people), people.calendar
    joined = np.column_stack([
        draw(rng, _COUNTRY_WEIGHTS, users),
        draw(rng, _DEVICE_WEIGHTS, users),
        np.zeros(users, dtype=np.int64),
    ])  # fmt: skip
    user = np.repeat(np.arange(users), rng.poisson(_CHANGES_PER_USER, users))
    left_ms = calendar.end_ms - people.signup_ms[user] - 1
    at_ms = people.signup_ms[user] + 1 + (rng.random(len(user)) * left_ms).astype(np.int64)
    column = draw(rng, _CHANGED_COLUMN_WEIGHTS, len(user))
    drawn = np.column_stack([
        draw(rng, _COUNTRY_WEIGHTS, len(user)),
        draw(rng, _DEVICE_WEIGHTS, len(user)),
        np.zeros(len(user), dtype=np.int64),
    ])  # fmt: skip
    drawn[column[:, None] != np.arange(3)] = -1
    bought = np.full((len(conversions.user), 3), -1)
    bought[:, 2] = conversions.plan + 1

    values = np.concatenate([joined, drawn, bought])
    all_users = np.concatenate([np.arange(users), user, conversions.user])
    moments = np.concatenate([people.signup_day * MS_PER_DAY, at_ms, conversions.at_ms])
    order = np.lexsort((moments, all_users))
    values, all_users, moments = values[order], all_users[order], moments[order]
    _carry_forward(values)
    last = np.ones(len(order), dtype=np.bool_)  # of several states at one moment
    last[:-1] = (all_users[1:] != all_users[:-1]) | (moments[1:] != moments[:-1])
    missing = rng.random(users) < _MISSING_SHARE
    missing[keep] = False
    return Profiles(
        user=all_users[last],
        at_ms=moments[last],
        values=values[last],
        missing=missing,
        span_ms=calendar.end_ms,
    )


def _carry_forward(values: Ints) -> None:
    """Fill each -1 with the value above it; a user's first row has none."""
    rows = np.arange(len(values))
    for column in values.T:
        column[:] = column[np.maximum.accumulate(np.where(column >= 0, rows, 0))]


def source(profiles: Profiles, people: Population) -> Source:
    """The landing source with its clean rows."""
    return Source(
        name="user_metadata",
        extension="csv",
        rows=len(profiles.delivered),
        chunks=_chunks(profiles, people),
        key="user_id",
        date_field="updated_at",
        columns=("user_id", "join_date", *_COLUMNS, "updated_at"),
    )


def _chunks(profiles: Profiles, people: Population) -> Iterator[Chunk]:
    pools = [text.pool(values) for values in (COUNTRIES, DEVICES, SUBSCRIPTIONS)]
    delivered, calendar = profiles.delivered, people.calendar
    for day, rows in slices(profiles.at_ms[delivered] // MS_PER_DAY, calendar.days):
        chosen = delivered[rows]
        user, values = profiles.user[chosen], profiles.values[chosen]
        country, device, plan = (
            text.pick(each, values[:, column]) for column, each in enumerate(pools)
        )
        joined = text.dates(calendar, people.signup_day[user])
        updated = text.timestamps(calendar, profiles.at_ms[chosen])
        ids = text.pick(people.ids, user)
        cells = (ids, joined, country, device, plan, updated)
        line = [part for cell in cells for part in (cell, ",")]
        yield Chunk(day, text.join(*line[:-1], "\n"))
