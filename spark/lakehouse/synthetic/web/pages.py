"""The pages of each visit, how long each is open, and what is done there. One entry per page view.

A page counts its heartbeats, scrolls and clicks; what else is done follows from its flags. Planted:
programs that open pages far too fast, or many without a heartbeat and without a scroll.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

import numpy as np

from lakehouse.synthetic.chance import Bools, Ints, draw, stream
from lakehouse.synthetic.web import site, visits
from lakehouse.synthetic.web.visitors import HASTY, LIKE_PEOPLE, LISTED, SILENT
from lakehouse.synthetic.web.visits import Visits

HEARTBEAT_MS = 10_000
NO_FORM, SIGN_UP_FORM, CONTACT_FORM, LOGIN_FORM, CHECKOUT_FORM = range(5)

_HASTY_PAGE_MS, _HASTY_ACTS = 5_000, 4
_LONGEST_PAGE_MS, _SHORTEST_PAGE_MS, _SHORTEST_FORM_MS = 480_000, 4_000, 12_000
_MEDIAN_PAGE_MS, _PAGE_SIGMA = 14_000, 0.95
_SCROLLS, _CLICKS = (0.35, 0.30, 0.20, 0.15), (0.62, 0.28, 0.10)
_VITALS_SHARE, _VIDEO_SHARE, _CUSTOM_SHARE, _FAILED_SHARE = 0.55, 0.2, 0.25, 0.12
_CONTACT_SENT_SHARE, _SIGN_UP_BEGUN_SHARE = 0.75, 0.5
_BROWSED = (
    (site.HOME, 0.28),
    (site.BLOG, 0.26),
    (site.DOCS, 0.16),
    (site.CATEGORY, 0.20),
    (site.PRICING, 0.10),
)
_FORMS = {
    site.SIGNUP: SIGN_UP_FORM,
    site.CONTACT: CONTACT_FORM,
    site.LOGIN: LOGIN_FORM,
    site.CHECKOUT: CHECKOUT_FORM,
}
_KIND_OF = np.array([page.kind for page in site.PAGES])
_CRAWLED = np.flatnonzero(_KIND_OF < site.CART)
"""Pages that programs find: neither cart nor forms."""
_FORM_OF = np.array([_FORMS.get(page.kind, NO_FORM) for page in site.PAGES])


@dataclass(frozen=True, kw_only=True)
class Pages:
    """Page views in order of (visit, time); `page` is a number of PAGES, `visit` one of Visits."""

    visit: Ints
    page: Ints
    open_ms: Ints
    heartbeats: Ints
    scrolls: Ints
    clicks: Ints
    form: Ints
    has_vitals: Bools
    shows_product: Bools
    adds: Bools
    form_fails: Bools
    form_submits: Bools
    signs_up: Bools
    buys: Bools
    pays_back: Bools
    plays_video: Bools
    tells_custom: Bools

    def __len__(self) -> int:
        return len(self.visit)

    def take(self, rows: Ints) -> "Pages":
        """Some of the page views."""
        return Pages(**{each.name: getattr(self, each.name)[rows] for each in fields(self)})

    @property
    def kind(self) -> Ints:
        """The kind of each page."""
        return _KIND_OF[self.page]

    @property
    def events(self) -> Ints:
        """Events of each page view."""
        single = (
            *(self.has_vitals, self.shows_product, self.adds, self.signs_up, self.buys),
            *(self.pays_back, self.tells_custom, self.form != NO_FORM, self.form_fails),
            self.form_submits,
        )
        events: Ints = 1 + self.heartbeats + self.scrolls + self.clicks + 2 * self.plays_video
        once: Ints = np.sum(single, axis=0)
        return events + once

    def with_heartbeats(self, more: Ints) -> "Pages":
        """The same, so many heartbeats longer."""
        return replace(
            self,
            heartbeats=self.heartbeats + more,
            open_ms=self.open_ms + more * HEARTBEAT_MS,
        )


def open_pages(made: Visits, seed: int, attempt: int) -> Pages:
    """Draw the pages of all visits."""
    rng = stream(seed, "web pages", attempt)
    parts = list(_routes(made, rng))
    visit = np.concatenate([part[0] for part in parts])
    rank = np.concatenate([np.full(len(part[0]), number) for number, part in enumerate(parts)])
    page = np.concatenate([part[1] for part in parts])
    order = np.lexsort((rank, visit))
    return _filled(made, visit[order], page[order], rng)


def _routes(made: Visits, rng: np.random.Generator) -> Iterator[tuple[Ints, Ints]]:
    """Visits and pages, stage by stage of a visit."""
    goal, every = made.goal, np.arange(len(made))

    def those(mask: Bools, kind: int) -> tuple[Ints, Ints]:
        rows = every[mask]
        return rows, _any_of(kind, len(rows), rng)

    yield those(made.logs_in, site.LOGIN)
    landing = np.isin(goal, (visits.BOUNCE, visits.BROWSE))
    yield every[landing], _browsed(int(landing.sum()), rng)
    more = np.where(goal == visits.BROWSE, np.minimum(rng.geometric(0.45, len(made)), 9), 0)
    yield np.repeat(every, more), _browsed(int(more.sum()), rng)
    is_shop, is_pricing = goal == visits.SHOP, goal == visits.PRICING
    yield those(is_shop & (rng.random(len(made)) < 0.6), site.CATEGORY)  # noqa: PLR2004  # a share
    looks = np.where(is_shop, np.minimum(rng.geometric(0.6, len(made)) - 1, 3), 0)
    yield np.repeat(every, looks), _any_of(site.PRODUCT, int(looks.sum()), rng)
    yield every[is_shop], site.FIRST_OF[site.PRODUCT] + made.product[is_shop]
    yield those(made.reaches > 1, site.CART)
    yield those(made.reaches > 2, site.CHECKOUT)  # noqa: PLR2004  # steps
    yield those(made.reaches == len(visits.STEPS), site.THANKS)
    yield those(is_pricing & (rng.random(len(made)) < 0.4), site.HOME)  # noqa: PLR2004  # a share
    yield those(is_pricing, site.PRICING)
    begun = made.signs_up | (rng.random(len(made)) < _SIGN_UP_BEGUN_SHARE)
    yield those(is_pricing & begun, site.SIGNUP)
    yield those(goal == visits.CONTACT, site.DOCS)
    yield those(goal == visits.CONTACT, site.CONTACT)
    yield those(goal == visits.RETURN, site.ORDERS)
    crawled = _crawled(made.kind, rng)
    yield np.repeat(every, crawled), _CRAWLED[rng.integers(0, len(_CRAWLED), int(crawled.sum()))]


def _any_of(kind: int, count: int, rng: np.random.Generator) -> Ints:
    return site.FIRST_OF[kind] + rng.integers(0, site.COUNT_OF[kind], count)


def _browsed(count: int, rng: np.random.Generator) -> Ints:
    kinds, weights = (np.array(column) for column in zip(*_BROWSED, strict=True))
    kind = kinds[draw(rng, weights, count)].astype(np.int64)
    within: Ints = (rng.random(count) * np.array(site.COUNT_OF)[kind]).astype(np.int64)
    return np.array(site.FIRST_OF)[kind] + within


def _crawled(kind: Ints, rng: np.random.Generator) -> Ints:
    """Pages that programs open at a visit: bursts fill a minute, silent ones take many."""
    count = len(kind)
    pages = np.zeros(count, dtype=np.int64)
    for which, (low, high) in {LISTED: (2, 7), HASTY: (9, 12), SILENT: (12, 26)}.items():
        pages = np.where(kind == which, rng.integers(low, high, count), pages)
    return pages


def _filled(made: Visits, visit: Ints, page: Ints, rng: np.random.Generator) -> Pages:
    """What is done on each page."""
    count = len(visit)
    kind, by, goal = _KIND_OF[page], made.kind[visit], made.goal[visit]
    is_bounce, is_hasty = goal == visits.BOUNCE, by == HASTY
    is_person = np.isin(by, LIKE_PEOPLE)
    acts = is_person & ~is_bounce
    form = np.where(is_person, _FORM_OF[page], NO_FORM)
    has_form = form != NO_FORM
    open_ms = _open(by, is_bounce, has_form | (kind == site.PRODUCT) | (goal == visits.RETURN), rng)
    shows = (kind == site.PRODUCT) & (goal == visits.SHOP)
    is_last_product = shows & np.append(
        ~shows[1:] | (visit[1:] != visit[:-1]), [True] * (count > 0)
    )
    buys = (form == CHECKOUT_FORM) & (made.reaches[visit] == len(visits.STEPS))
    signs_up = (form == SIGN_UP_FORM) & made.signs_up[visit]
    sent = rng.random(count) < _CONTACT_SENT_SHARE
    is_smallest = made.party[visit] == 0
    return Pages(
        visit=visit,
        page=page,
        open_ms=open_ms,
        heartbeats=np.where(is_person & ~is_smallest, (open_ms - 1) // HEARTBEAT_MS, 0),
        scrolls=_acts(acts, is_hasty, _SCROLLS, rng),
        clicks=_acts(acts, is_hasty, _CLICKS, rng),
        form=form,
        has_vitals=is_person & ~is_smallest & (rng.random(count) < _VITALS_SHARE),
        shows_product=shows,
        adds=is_last_product & (made.reaches[visit] > 1),
        form_fails=has_form & (rng.random(count) < _FAILED_SHARE),
        form_submits=buys | signs_up | (form == LOGIN_FORM) | ((form == CONTACT_FORM) & sent),
        signs_up=signs_up,
        buys=buys,
        pays_back=goal == visits.RETURN,
        plays_video=acts & (kind == site.BLOG) & (rng.random(count) < _VIDEO_SHARE),
        tells_custom=acts & (kind == site.DOCS) & (rng.random(count) < _CUSTOM_SHARE),
    )


def _open(by: Ints, is_bounce: Bools, is_busy: Bools, rng: np.random.Generator) -> Ints:
    """How long each page is open, in ms."""
    count = len(by)
    median = np.where(is_bounce, _MEDIAN_PAGE_MS / 2, _MEDIAN_PAGE_MS)
    looked = median * rng.lognormal(0, _PAGE_SIGMA, count)
    shortest = np.where(is_busy, _SHORTEST_FORM_MS, _SHORTEST_PAGE_MS)
    lasting = np.clip(looked, shortest, _LONGEST_PAGE_MS).astype(np.int64)
    lasting = np.where(by == LISTED, rng.integers(20_000, 200_000, count), lasting)
    lasting = np.where(by == SILENT, rng.integers(3_000, 40_000, count), lasting)
    return np.where(by == HASTY, _HASTY_PAGE_MS, lasting)


def _acts(
    acts: Bools, is_hasty: Bools, shares: tuple[float, ...], rng: np.random.Generator
) -> Ints:
    drawn = np.where(acts, draw(rng, shares, len(acts)), 0)
    return np.where(is_hasty, _HASTY_ACTS, drawn)
