"""The people of a run. One entry per user, numbered by the moment of sign-up.

Planted: company size leans with the industry; activity is a class (light, regular, heavy) and a
weight within it. Heavier users also convert more often, which is what confounds `api_access`.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from faker import Faker

from lakehouse.synthetic import text
from lakehouse.synthetic.chance import Floats, Ints, draw, stream
from lakehouse.synthetic.period import MS_PER_DAY, Calendar, moments_of_day
from lakehouse.synthetic.text import Text

COMPANY_SIZES = ("1-10", "11-50", "51-200", "201-1000", "1000+")
INDUSTRIES = ("software", "retail", "finance", "healthcare", "education", "media", "manufacturing")
ACTIVITY_CLASSES = ("light", "regular", "heavy")

_INDUSTRY_WEIGHTS = (0.27, 0.17, 0.14, 0.12, 0.11, 0.10, 0.09)
_SIZE_WEIGHTS = np.array([
    [0.34, 0.30, 0.20, 0.11, 0.05],  # software: many young companies
    [0.40, 0.27, 0.17, 0.10, 0.06],
    [0.12, 0.20, 0.26, 0.24, 0.18],  # finance: few small ones
    [0.15, 0.24, 0.27, 0.21, 0.13],
    [0.22, 0.26, 0.26, 0.18, 0.08],
    [0.38, 0.31, 0.18, 0.09, 0.04],
    [0.10, 0.22, 0.29, 0.24, 0.15],
])  # fmt: skip
_ACTIVITY_SHARES = (0.50, 0.35, 0.15)
_ACTIVITY_MEDIANS = np.array([0.4, 1.0, 3.5])
_SIGNUP_GROWTH = 0.5  # the last day brings 50 % more sign-ups than the first
_POOL_SIZE = 400


@dataclass(frozen=True, kw_only=True)
class Population:
    """Users and what is fixed about them; arrays are aligned and sorted by ``signup_ms``."""

    calendar: Calendar
    ids: Text
    emails: Text
    signup_ms: Ints
    company_size: Ints
    industry: Ints
    activity_class: Ints
    activity: Floats

    def __len__(self) -> int:
        return len(self.signup_ms)

    @property
    def signup_day(self) -> Ints:
        """The day of sign-up."""
        return self.signup_ms // MS_PER_DAY


def populate(users: int, calendar: Calendar, seed: int) -> Population:
    """Draw the users of a run."""
    rng = stream(seed, "population")
    day_weights = calendar.weekday_weights * np.linspace(1, 1 + _SIGNUP_GROWTH, calendar.days)
    signup_day = draw(rng, day_weights, users)
    signup_ms = np.sort(signup_day * MS_PER_DAY + moments_of_day(rng, users))
    industry = draw(rng, _INDUSTRY_WEIGHTS, users)
    size_edges = np.cumsum(_SIZE_WEIGHTS, axis=1)[industry, :-1]
    company_size = (rng.random(users)[:, None] > size_edges).sum(axis=1)
    activity_class = draw(rng, _ACTIVITY_SHARES, users)
    activity = _ACTIVITY_MEDIANS[activity_class] * rng.lognormal(0, 0.5, users)
    number = np.arange(1, users + 1)
    return Population(
        calendar=calendar,
        ids=text.join("u_", text.numbers(number, 7)),
        emails=_emails(number, seed, rng),
        signup_ms=signup_ms,
        company_size=company_size,
        industry=industry,
        activity_class=activity_class,
        activity=activity,
    )


def _emails(number: Ints, seed: int, rng: np.random.Generator) -> Text:
    """Addresses under .example, a domain that can never belong to anybody (RFC 2606)."""
    first, last, company = (
        text.pick(names, rng.integers(0, _POOL_SIZE, len(number))) for names in _name_pools(seed)
    )
    return text.join(first, ".", last, text.numbers(number), "@", company, ".example")


@lru_cache(maxsize=1)
def _name_pools(seed: int) -> tuple[Text, Text, Text]:
    """First names, last names and companies to choose from: Faker is too slow for every row."""
    fake = Faker("en_US")
    fake.seed_instance(seed)
    first, last, company = (
        text.pool([_slug(make()) for _ in range(_POOL_SIZE)])
        for make in (fake.first_name, fake.last_name, fake.company)
    )
    return first, last, company


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
