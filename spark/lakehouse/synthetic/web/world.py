"""Everything that happens on the website: parties, their visits, and the pages of these."""

from dataclasses import dataclass, replace

import numpy as np

from lakehouse.synthetic.chance import Bytes, Ints, stream
from lakehouse.synthetic.period import Calendar
from lakehouse.synthetic.population import Population
from lakehouse.synthetic.web.pages import Pages, open_pages
from lakehouse.synthetic.web.visitors import PERSON, Parties, gather
from lakehouse.synthetic.web.visits import Visits, plan_visits

_EVENTS_PER_PARTY = 18  # fewer than there are: too many parties are drawn, and some left out
_SPARE_PARTIES = 60
_ID_BYTES = 16


@dataclass(frozen=True, kw_only=True)
class World:
    """Visits in order of time, and their pages in the same order.

    `page_ms` is when each page was opened. Ids are random bytes: of devices, visits and page views.
    """

    people: Population
    parties: Parties
    visits: Visits
    pages: Pages
    page_ms: Ints
    device_ids: Bytes
    visit_ids: Bytes
    page_ids: Bytes
    seed: int
    has_incident: bool

    @property
    def calendar(self) -> Calendar:
        """The period."""
        return self.people.calendar

    @property
    def rows(self) -> int:
        """Events of the whole period."""
        return int(self.pages.events.sum())


def simulate(people: Population, *, rows: int, seed: int, incident: bool) -> World:
    """Draw who comes and what they do: exactly so many events."""
    attempt, count = 0, rows // _EVENTS_PER_PARTY + _SPARE_PARTIES
    while True:
        parties = gather(count, seed, attempt)
        visits = plan_visits(parties, people, seed=seed, attempt=attempt, incident=incident)
        pages = open_pages(visits, seed, attempt)
        if pages.events.sum() >= rows:
            break
        attempt, count = attempt + 1, 2 * count
    visits, pages = _cut(parties, visits, pages, rows=rows, seed=seed)
    rng = stream(seed, "web ids")
    opened = np.cumsum(pages.open_ms) - pages.open_ms
    first = np.searchsorted(pages.visit, np.arange(len(visits)))
    passed = opened - opened[first][pages.visit] if len(pages) else opened
    return World(
        people=people,
        parties=parties,
        visits=visits,
        pages=pages,
        page_ms=visits.start_ms[pages.visit] + passed,
        device_ids=_ids(rng, len(parties.party)),
        visit_ids=_ids(rng, len(visits)),
        page_ids=_ids(rng, len(pages)),
        seed=seed,
        has_incident=incident,
    )


def _ids(rng: np.random.Generator, count: int) -> Bytes:
    return rng.integers(0, 256, (count, _ID_BYTES), dtype=np.uint8)


def _cut(
    parties: Parties, visits: Visits, pages: Pages, *, rows: int, seed: int
) -> tuple[Visits, Pages]:
    """Keep whole parties as long as there is room; heartbeats of people fill what is left."""
    per_party = np.bincount(visits.party[pages.visit], pages.events, minlength=len(parties))
    kept, left = np.zeros(len(parties), dtype=np.bool_), rows
    for party, events in enumerate(per_party.astype(np.int64).tolist()):
        if events <= left:
            kept[party] = True
            left -= events
    chosen = np.flatnonzero(kept[visits.party])
    chosen = chosen[np.argsort(visits.start_ms[chosen], kind="stable")]
    renumbered = np.full(len(visits), -1)
    renumbered[chosen] = np.arange(len(chosen))
    page_rows = np.flatnonzero(renumbered[pages.visit] >= 0)
    page_rows = page_rows[np.argsort(renumbered[pages.visit[page_rows]], kind="stable")]
    visits, pages = visits.take(chosen), pages.take(page_rows)
    pages = replace(pages, visit=renumbered[pages.visit])
    if left == 0:
        return visits, pages
    of_people = np.flatnonzero(visits.kind[pages.visit] == PERSON)
    more = np.bincount(
        stream(seed, "web heartbeats").choice(of_people, left, replace=left > len(of_people)),
        minlength=len(pages),
    )
    return visits, pages.with_heartbeats(more)
