"""Events of the website, day by day as they are received. One entry per event.

Devices say when something happened and when they sent it, by their own clock; when it was received
is the collector's. An event happened as long before it was received as it waited on the device.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from functools import cached_property

import numpy as np

from lakehouse.synthetic.chance import Bools, Bytes, Floats, Ints, stream
from lakehouse.synthetic.period import MS_PER_DAY, MS_PER_HOUR, NEVER
from lakehouse.synthetic.web.pages import HEARTBEAT_MS, NO_FORM, Pages
from lakehouse.synthetic.web.world import World

TYPES = (
    *("page_view", "page_ping", "click", "scroll", "form_submit", "video_play", "custom_event"),
    *("signup", "product_view", "add_to_cart", "purchase", "refund", "web_vitals"),
)
(
    VIEW, PING, CLICK, SCROLL, FORM, VIDEO, CUSTOM,
    SIGN_UP, PRODUCT_VIEW, ADD_TO_CART, PURCHASE, REFUND, VITALS,
) = range(len(TYPES))  # fmt: skip
STARTED, SUBMITTED, FAILED = range(3)
"""Of forms; of videos the first two are its start and end."""
LATE_MS, VERY_LATE_MS = MS_PER_HOUR, 3 * MS_PER_DAY

_PING_JITTER_MS = 400
_VITALS_MS = (1_500, 3_500)
_SENT_AFTER_MS, _UNDERWAY_MS = (200, 3_000), (40, 400)
_ID_BYTES = 16


@dataclass(frozen=True, kw_only=True)
class Events:
    """Events; arrays are aligned. `number` counts within a page, or says which step it is.

    `at_ms` and `sent_ms` are right; what a device tells is off by its clock.
    """

    page: Ints
    type: Ints
    number: Ints
    at_ms: Ints
    sent_ms: Ints
    received_ms: Ints
    chance: Floats
    spread: Floats
    id: Bytes

    def __len__(self) -> int:
        return len(self.page)

    def take(self, rows: Ints) -> "Events":
        """Some of the events."""
        return Events(**{each.name: getattr(self, each.name)[rows] for each in fields(self)})


@dataclass(kw_only=True)
class Tally:
    """What came out, counted while it is made; arrays count the events of each device."""

    by_type: Ints = field(default_factory=lambda: np.zeros(len(TYPES), dtype=np.int64))
    by_device: Ints
    unnamed_by_device: Ints
    late: int = 0
    very_late: int = 0
    late_visits: int = 0
    visits_across_midnight: int = 0


@dataclass
class EventStream:
    """The events of a world, in order of reception; the tally is complete when they are told."""

    world: World
    tally: Tally = field(init=False)

    def __post_init__(self) -> None:
        devices = len(self.world.parties.party)
        self.tally = Tally(
            by_device=np.zeros(devices, dtype=np.int64),
            unnamed_by_device=np.zeros(devices, dtype=np.int64),
        )

    def days(self) -> Iterator[tuple[int, Events]]:
        """Each day and the events received on it."""
        world = self.world
        opened_on = world.visits.day[world.pages.visit]
        edges = np.searchsorted(opened_on, np.arange(world.calendar.days + 1))
        waiting: dict[int, list[Events]] = {}
        for day in range(world.calendar.days):
            begun = self._begun(day, np.arange(edges[day], edges[day + 1]))
            received_on = begun.received_ms // MS_PER_DAY
            for later in np.unique(received_on):
                part = begun.take(np.flatnonzero(received_on == later))
                waiting.setdefault(int(later), []).append(part)
            parts = waiting.pop(day, [])
            if parts:
                received = _joined(parts)
                yield day, received.take(np.argsort(received.received_ms, kind="stable"))

    def is_named(self, events: Events) -> Bools:
        """Whether each event tells a user."""
        visits, visit = self.world.visits, self.world.pages.visit[events.page]
        by_visit = visits.is_known_throughout[visit]
        since = self._known_since[visit]
        return by_visit | ((visits.user[visit] >= 0) & (events.at_ms >= since))

    @cached_property
    def _known_since(self) -> Ints:
        """When each visit is known: signing up and logging in happen at a share of their page."""
        world = self.world
        since = np.full(len(world.visits), NEVER)
        for is_there, share in _naming(world.pages, world):
            rows = np.flatnonzero(is_there)
            at_ms = world.page_ms[rows] + _at_share(world.pages.open_ms[rows], share)
            since[world.pages.visit[rows]] = at_ms
        return since

    def _begun(self, day: int, rows: Ints) -> Events:
        """Events of the visits that begin on a day, which are these page views."""
        world, rng = self.world, stream(self.world.seed, "web events", day)
        pages = world.pages.take(rows)
        parts = list(_parts(pages, rng))
        place = np.concatenate([part[0] for part in parts])
        count = len(place)
        type_ = np.concatenate([np.full(len(part[0]), part[1]) for part in parts])
        number = np.concatenate([part[2] for part in parts])
        at_ms = world.page_ms[rows][place] + np.concatenate([part[3] for part in parts])
        visit = pages.visit[place]
        delay_ms = world.visits.delay_ms[visit]
        # A late device sends everything at once, when it is connected again.
        reconnected = world.visits.start_ms[visit] + 2 * MS_PER_HOUR + delay_ms
        sent_ms = np.where(delay_ms > 0, reconnected, at_ms) + rng.integers(*_SENT_AFTER_MS, count)
        received_ms = sent_ms + rng.integers(*_UNDERWAY_MS, count)
        events = Events(
            page=rows[place],
            type=type_,
            number=number,
            at_ms=at_ms,
            sent_ms=sent_ms,
            received_ms=received_ms,
            chance=rng.random(count),
            spread=rng.standard_normal(count),
            id=rng.integers(0, 256, (count, _ID_BYTES), dtype=np.uint8),
        )
        self._count(events)
        return events

    def _count(self, events: Events) -> None:
        world, tally = self.world, self.tally
        visit = world.pages.visit[events.page]
        device = world.visits.device[visit]
        devices = len(tally.by_device)
        tally.by_type += np.bincount(events.type, minlength=len(TYPES))
        tally.by_device += np.bincount(device, minlength=devices)
        unnamed = ~self.is_named(events)
        tally.unnamed_by_device += np.bincount(device[unnamed], minlength=devices)
        waited = events.sent_ms - events.at_ms
        tally.late += int((waited > LATE_MS).sum())
        tally.very_late += int((waited > VERY_LATE_MS).sum())
        tally.late_visits += len(np.unique(visit[waited > LATE_MS]))
        # By the corrected clock: what passed underway counts.
        day = (events.at_ms + events.received_ms - events.sent_ms) // MS_PER_DAY
        order = np.lexsort((day, visit))
        visit, day = visit[order], day[order]
        same = (visit[1:] == visit[:-1]) & (day[1:] != day[:-1])
        tally.visits_across_midnight += int(same.sum())


_Part = tuple[Ints, int, Ints, Ints]
"""Places of page views, a type of event, numbers, and milliseconds since the page was opened."""


def _parts(pages: Pages, rng: np.random.Generator) -> Iterator[_Part]:
    """All events of some page views, type by type."""
    every, open_ms = np.arange(len(pages)), pages.open_ms
    yield every, VIEW, every * 0, every * 0
    place, number = _repeated(pages.heartbeats)
    yield place, PING, number, number * HEARTBEAT_MS + rng.integers(0, _PING_JITTER_MS, len(place))
    place, number = _repeated(pages.scrolls)
    share = 0.9 * number / (pages.scrolls[place] + 1) + 0.05 * rng.random(len(place))
    yield place, SCROLL, number, _at_share(open_ms[place], share)
    place, number = _repeated(pages.clicks)
    yield place, CLICK, number, _at_share(open_ms[place], 0.3 + 0.6 * rng.random(len(place)))
    place = np.flatnonzero(pages.has_vitals)
    yield place, VITALS, place * 0, rng.integers(*_VITALS_MS, len(place))
    for is_there, type_, number_, share_ in _acts(pages):
        place = np.flatnonzero(is_there)
        yield place, type_, np.full(len(place), number_), _at_share(open_ms[place], share_)


_SUBMITTED_AT, _SIGNED_UP_AT, _BOUGHT_AT = 0.6, 0.7, 0.8


def _acts(pages: Pages) -> Iterator[tuple[Bools, int, int, float]]:
    """What is done at most once on a page: where, its type, its step, and when in its time."""
    has_form = pages.form != NO_FORM
    yield pages.shows_product, PRODUCT_VIEW, 0, 0.05
    yield pages.adds, ADD_TO_CART, 0, 0.6
    yield has_form, FORM, STARTED, 0.15
    yield pages.form_fails, FORM, FAILED, 0.35
    yield pages.form_submits, FORM, SUBMITTED, _SUBMITTED_AT
    yield pages.signs_up, SIGN_UP, 0, _SIGNED_UP_AT
    yield pages.buys, PURCHASE, 0, _BOUGHT_AT
    yield pages.pays_back, REFUND, 0, 0.7
    yield pages.plays_video, VIDEO, STARTED, 0.2
    yield pages.plays_video, VIDEO, SUBMITTED, 0.75
    yield pages.tells_custom, CUSTOM, 0, 0.5


def _naming(pages: Pages, world: World) -> tuple[tuple[Bools, float], ...]:
    """Page views on which a visit tells its user, and from which share of their time on."""
    first = np.append(True, pages.visit[1:] != pages.visit[:-1])[: len(pages)]
    logs_in = first & world.visits.logs_in[pages.visit]
    return (pages.signs_up, _SIGNED_UP_AT), (logs_in, _SUBMITTED_AT)


def _at_share(open_ms: Ints, share: float | Floats) -> Ints:
    return (open_ms * share).astype(np.int64)


def _repeated(counts: Ints) -> tuple[Ints, Ints]:
    """Each place as often as it counts, numbered from 1."""
    place = np.repeat(np.arange(len(counts)), counts)
    begins = np.cumsum(counts) - counts
    return place, np.arange(len(place)) - begins[place] + 1


def _joined(parts: list[Events]) -> Events:
    return Events(
        **{
            each.name: np.concatenate([getattr(part, each.name) for part in parts])
            for each in fields(Events)
        }
    )
