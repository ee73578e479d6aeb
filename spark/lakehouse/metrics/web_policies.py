"""What the owner of a lake decides about web analytics: the sections of `data/reference/web.toml`.

Every section may be left out, and every key has the value that most tools agree on.
"""

from __future__ import annotations

from fnmatch import translate
from ipaddress import ip_network
from math import isclose
from typing import ClassVar, Literal
from zoneinfo import available_timezones

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from lakehouse.spec.policies import Policy

Network = str
MOST_LOOKBACK_DAYS = 92
"""A month of attribution reads the sessions of so many days before it: a quarter."""
CONVERSION_TYPES = ("purchase", "signup", "form_submit", "custom_event")


class WebPolicy(Policy):
    """A section of the file of the web domain."""

    file: ClassVar[str] = "web.toml"


class _Part(BaseModel):
    """A table inside a section."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _networks(told: tuple[Network, ...]) -> tuple[Network, ...]:
    for each in told:
        ip_network(each)  # raises ValueError, in words of its own
    return told


class Clock(WebPolicy):
    """Which moment of an event counts, and which days figures are about.

    Attributes:
        max_late_days: An event sent later than this after it happened is late; None = none is.
        reporting_time_zone: The time zone whose days the KPIs are of.
    """

    section: ClassVar[str] = "clock"
    max_late_days: int | None = Field(None, ge=0)
    reporting_time_zone: str = "UTC"

    @field_validator("reporting_time_zone")
    @classmethod
    def _is_known(cls, zone: str) -> str:
        if zone not in available_timezones():
            raise ValueError(f"unknown time zone {zone!r}; for example Europe/Berlin")
        return zone


class Visits(WebPolicy):
    """When a session ends, and when it counts as a bounce or as engaged.

    Attributes:
        mode: `gap`: a pause starts a session; `client`: the client's own session id.
        gap_s: A pause strictly longer than this starts one.
        campaign_starts_session: So does an event with another campaign or click id.
        max_session_days: Of mode `client`: later events of a session do not count.
        engaged_s: A session of at least so many seconds is engaged.
    """

    section: ClassVar[str] = "visits"
    mode: Literal["gap", "client"] = "gap"
    gap_s: int = Field(1800, ge=1)
    campaign_starts_session: bool = False
    max_session_days: int = Field(3, ge=1)
    engaged_s: int = Field(10, ge=0)


class Engagement(WebPolicy):
    """How attention is measured, and how it becomes a score from 0 to 100.

    Attributes:
        heartbeat_s: Seconds between two pings of a page that is in use.
        minimum_visit_s: What the first ping stands for.
        full_time_s: Engaged seconds that earn the whole weight of time.
        full_pages: Pages that earn the whole weight of pages.
        weights: Parts of the score; they add up to 100.
    """

    class Weights(_Part):
        """What each part earns at most."""

        time: float = Field(40, ge=0)
        pages: float = Field(25, ge=0)
        scroll: float = Field(15, ge=0)
        conversions: float = Field(20, ge=0)

        @model_validator(mode="after")
        def _add_up(self) -> Engagement.Weights:
            total = self.time + self.pages + self.scroll + self.conversions
            if not isclose(total, 100):
                raise ValueError(f"weights add up to {total:g}, not to 100")
            return self

    section: ClassVar[str] = "engagement"
    heartbeat_s: int = Field(10, ge=1)
    minimum_visit_s: int = Field(5, ge=0)
    full_time_s: int = Field(180, ge=1)
    full_pages: int = Field(5, ge=1)
    weights: Weights = Weights()


class Stitching(WebPolicy):
    """Whose an event is.

    Attributes:
        unmerge: Pairs that a login joined by mistake; their logins count as if they never were.
    """

    class Pair(_Part):
        """A device and a user who do not belong together."""

        anonymous_id: str
        user_id: str

    section: ClassVar[str] = "stitching"
    unmerge: tuple[Pair, ...] = ()


class Bots(WebPolicy):
    """What makes a visitor's day look like that of a program. It is labelled, never dropped.

    Attributes:
        max_events_per_minute: More in any minute of the clock are too fast for a person.
        views_without_signal: So many page views of a day without a ping and without a scroll.
        regular_events: Events of a day from which even pauses are looked at.
        regular_spread_ms: Pauses that differ by no more than this are a clock's.
        data_centres: Networks where nobody sits.
    """

    section: ClassVar[str] = "bots"
    max_events_per_minute: int = Field(60, ge=1)
    views_without_signal: int = Field(10, ge=1)
    regular_events: int = Field(20, ge=3)
    regular_spread_ms: int = Field(50, ge=0)
    data_centres: tuple[Network, ...] = ()

    _are_networks = field_validator("data_centres")(_networks)


class Internal(WebPolicy):
    """Our own people and test hosts: in no strict figure.

    Attributes:
        networks: Their networks; addresses are cut before they are stored, so that /24 (IPv6: /48)
            is the narrowest that can be told apart.
        hosts: Hosts of pages that are not for visitors.
    """

    section: ClassVar[str] = "internal"
    networks: tuple[Network, ...] = ()
    hosts: tuple[str, ...] = ()

    _are_networks = field_validator("networks")(_networks)


class Sites(WebPolicy):
    """The sites that are ours: between them nobody was referred.

    Attributes:
        own_domains: Registered domains (example.com); an event's own is always one of them.
    """

    section: ClassVar[str] = "sites"
    own_domains: tuple[str, ...] = ()


class Channels(WebPolicy):
    """How a source and a medium become a channel.

    Attributes:
        hosts: Known hosts by kind: `referrer_hosts.csv`.
    """

    class Host(_Part):
        """A registered domain, or a host of one, and what it is."""

        host: str
        name: str
        kind: Literal["search", "social", "video", "shopping", "email"]

    section: ClassVar[str] = "channels"
    lists: ClassVar[dict[str, str]] = {"hosts": "referrer_hosts.csv"}
    hosts: tuple[Host, ...] = ()


class Places(WebPolicy):
    """Where networks are, for lakes without a database of places (`LAKEHOUSE_PLACES_DATABASE`).

    Attributes:
        networks: The narrowest that holds an address counts.
    """

    class Network(_Part):
        """A network and its place."""

        network: str
        country: str
        region: str | None = None
        city: str | None = None

        @field_validator("network")
        @classmethod
        def _is_network(cls, told: str) -> str:
            ip_network(told)
            return told

    section: ClassVar[str] = "places"
    networks: tuple[Network, ...] = ()


class Attribution(WebPolicy):
    """What counts as a conversion, and how its touches share the credit.

    Attributes:
        conversions: Types of events that are conversions.
        lookback_days: Sessions that began at most so long before a conversion are its touches.
        half_life_days: Of `time_decay`: a touch so much older counts half.
        first_rate: Of `position`: what the first touch gets.
        last_rate: Of `position`: what the last one gets; those between share the rest.
    """

    section: ClassVar[str] = "attribution"
    conversions: tuple[Literal["purchase", "signup", "form_submit", "custom_event"], ...] = (
        "purchase",
        "signup",
    )
    lookback_days: int = Field(30, ge=1, le=MOST_LOOKBACK_DAYS)
    half_life_days: float = Field(7, gt=0)
    first_rate: float = Field(0.4, ge=0, le=1)
    last_rate: float = Field(0.4, ge=0, le=1)

    @model_validator(mode="after")
    def _leave_something(self) -> Attribution:
        if self.first_rate + self.last_rate > 1:
            raise ValueError("first_rate and last_rate are more than 1 together")
        return self


class Money(WebPolicy):
    """The currency that amounts are summed in.

    Attributes:
        reporting_currency: ISO 4217.
    """

    section: ClassVar[str] = "money"
    reporting_currency: str = Field("EUR", pattern="^[A-Z]{3}$")


class Funnels(WebPolicy):
    """Ordered steps towards something, and how long they may take.

    Attributes:
        funnels: Each with its steps.
    """

    class Step(_Part):
        """A step of a funnel.

        Attributes:
            name: What charts call it.
            event_type: Type of the event that takes it.
            page: Pattern of the page's path (`*` stands for anything); None = any page.
            where: Values that properties must have: `form_id = "checkout"`.
            within_s: Seconds after the step before; None = within the funnel's window.
        """

        name: str = Field(min_length=1)
        event_type: str
        page: str | None = None
        where: dict[
            Literal["page_id", "element", "form_id", "form_step", "event_name", "category"], str
        ] = {}  # pydantic copies it
        within_s: int | None = Field(None, ge=1)

        @property
        def page_pattern(self) -> str | None:
            """The pattern as a regular expression over a whole path."""
            if self.page is None:
                return None
            python = translate(self.page).replace("(?>", "(?:")  # (?s:...)\Z; RE2 has no atoms
            return "^" + python.removeprefix("(?s:").removesuffix(r")\Z").removesuffix(")\\z") + "$"

    class Funnel(_Part):
        """A funnel.

        Attributes:
            id: Its name in tables and addresses.
            title: Its name for people.
            window_s: Seconds from the first step to the last, inclusive.
            mode: `ordered`: other events may stand between; `strict_order`: no other event that
                takes a step of the funnel may; `strict_increase`: moments must grow;
                `strict_once`: a visitor enters it once a window.
            steps: At least two.
        """

        id: str = Field(pattern="^[a-z][a-z0-9_]*$")
        title: str = Field(min_length=1)
        window_s: int = Field(86_400, ge=1)
        mode: Literal["ordered", "strict_order", "strict_increase", "strict_once"] = "ordered"
        steps: tuple[Funnels.Step, ...] = Field(min_length=2, max_length=12)

        @field_validator("steps")
        @classmethod
        def _are_told_apart(cls, steps: tuple[Funnels.Step, ...]) -> tuple[Funnels.Step, ...]:
            names = [step.name for step in steps]
            if twice := {name for name in names if names.count(name) > 1}:
                raise ValueError(f"two steps are called {', '.join(sorted(twice))}")
            return steps

    section: ClassVar[str] = "funnels"
    funnels: tuple[Funnel, ...] = ()

    @field_validator("funnels")
    @classmethod
    def _have_ids_of_their_own(cls, funnels: tuple[Funnel, ...]) -> tuple[Funnel, ...]:
        ids = [funnel.id for funnel in funnels]
        if twice := {each for each in ids if ids.count(each) > 1}:
            raise ValueError(f"two funnels have the id {', '.join(sorted(twice))}")
        return funnels
