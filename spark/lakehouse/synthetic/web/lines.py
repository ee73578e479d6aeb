"""The landing source `web_events`. One JSON line per event.

What a tag does not know is left out. Properties are rendered type by type, as each has its own.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from lakehouse.synthetic import text
from lakehouse.synthetic.chance import Bools, Ints
from lakehouse.synthetic.source import Chunk, slices
from lakehouse.synthetic.text import Text
from lakehouse.synthetic.web import devices, site
from lakehouse.synthetic.web.events import TYPES, VIEW, Events, EventStream
from lakehouse.synthetic.web.properties import Told, own
from lakehouse.synthetic.web.visitors import HOSTED, STAFF
from lakehouse.synthetic.web.world import World


def chunks(stream: EventStream) -> Iterator[Chunk]:
    """Lines in order of reception."""
    writer = _Writer(stream.world)
    days = stream.world.calendar.days
    for day, found in stream.days():
        named = stream.is_named(found)
        received_on = np.full(len(found), day)
        for _, rows in slices(received_on, days):
            part = np.arange(rows.start, rows.stop)
            yield Chunk(day, writer.lines(found.take(part), named[part]))


@dataclass
class _Writer:
    """Texts that many lines share, made once."""

    world: World
    _opens_visit: Bools = field(init=False)
    _hosts: Text = field(init=False)
    _anonymous: Text = field(init=False)
    _users: Text = field(init=False)
    _contexts: Text = field(init=False)
    _consents: Text = field(init=False)
    _urls: Text = field(init=False)
    _referrers: Text = field(init=False)

    def __post_init__(self) -> None:
        world = self.world
        visit = world.pages.visit
        self._opens_visit = np.append(True, visit[1:] != visit[:-1])
        self._anonymous = text.uuids(world.device_ids)
        self._users = text.stack([
            text.join(',"user_id":"', world.people.ids, '"'),
            text.pool([""]),
        ])  # fmt: skip
        self._contexts = _contexts(world)
        self._consents = text.pool(devices.CONSENTS)
        urls = [page.url() for page in site.PAGES]
        urls += [page.url(site.STAGING_HOST) for page in site.PAGES]
        self._urls = text.pool(urls)
        self._hosts = text.pool([url.split("/")[2] for url in urls])
        outside = [origin.referrer for origin in site.ORIGINS]
        told = [f',"referrer":"{url}"' if url else "" for url in [*urls, *outside]]
        self._referrers = text.pool(told)

    def lines(self, found: Events, named: Bools) -> Text:
        """Some events as lines."""
        world, calendar = self.world, self.world.calendar
        visit = world.pages.visit[found.page]
        device = world.visits.device[visit]
        off_ms = world.parties.clock_off_ms[device]
        return text.join(
            *('{"event_id":"', text.uuids(found.id)),
            *('","event_type":"', text.pick(text.pool(TYPES), found.type)),
            *('","timestamp":"', text.iso_timestamps(calendar, found.at_ms + off_ms)),
            *('","sent_at":"', text.iso_timestamps(calendar, found.sent_ms + off_ms)),
            *('","received_at":"', text.iso_timestamps(calendar, found.received_ms)),
            *('","anonymous_id":"', text.pick(self._anonymous, device), '"'),
            text.pick(self._users, np.where(named, world.visits.user[visit], len(world.people))),
            *(',"session_id":"', text.uuids(world.visit_ids[visit])),
            *('","page_view_id":"', text.uuids(world.page_ids[found.page])),
            *('","properties":{', self._properties(found), "}"),
            text.pick(self._contexts, device),
            *('"', text.pick(self._hosts, self._place(found.page)), '"}'),
            text.pick(self._consents, world.parties.consent[device]),
            "}\n",
        )

    def _place(self, page: Ints) -> Ints:
        """Number of an address: a page's, or the same on the host for staging."""
        pages, visits = self.world.pages, self.world.visits
        return pages.page[page] + len(site.PAGES) * visits.at_staging[pages.visit[page]]

    def _properties(self, found: Events) -> Text:
        """Members of `properties`, in the order of the events."""
        places, texts = [], []
        for type_ in np.unique(found.type):
            rows = np.flatnonzero(found.type == type_)
            page = found.page[rows]
            about = self._view(page) if type_ == VIEW else self._page(page)
            places.append(rows)
            texts.append(text.join(*about, own(Told(self.world, found.take(rows)), type_)))
        back = np.argsort(np.concatenate(places), kind="stable")
        return text.pick(text.stack(texts), back)

    def _page(self, page: Ints) -> tuple[str | Text, ...]:
        """Which page an event is about."""
        ids = text.pool([page.page_id for page in site.PAGES])
        return (
            *('"page_url":"', text.pick(self._urls, self._place(page))),
            *('","page_id":"', text.pick(ids, self.world.pages.page[page]), '"'),
        )

    def _view(self, page: Ints) -> tuple[str | Text, ...]:
        """Which page a view is of, and what led there."""
        world = self.world
        visit = world.pages.visit[page]
        is_first = self._opens_visit[page]
        origin = np.where(is_first, world.visits.origin[visit], site.DIRECT)
        before = np.where(
            is_first, 2 * len(site.PAGES) + origin, self._place(np.maximum(page - 1, 0))
        )
        has_click_id = np.array([bool(each.click_id) for each in site.ORIGINS])[origin]
        click_ids = text.where(has_click_id, text.uuids(world.visit_ids[visit]))
        titles = text.pool([page.title for page in site.PAGES])
        ids = text.pool([page.page_id for page in site.PAGES])
        number = world.pages.page[page]
        return (
            *('"page_url":"', text.pick(self._urls, self._place(page))),
            *(text.pick(_QUERIES, origin), click_ids),
            *('","page_title":"', text.pick(titles, number)),
            *('","page_id":"', text.pick(ids, number), '"'),
            text.pick(self._referrers, before),
            *(text.pick(_CAMPAIGNS, origin), click_ids, text.pick(_AFTER_CLICK, origin)),
        )


_QUERIES = text.pool([origin.query for origin in site.ORIGINS])
_CAMPAIGNS = text.pool([
    "".join(f",{site.as_members({name: value})}" for name, value in origin.told.items())
    + (f',"{origin.click_id}":"' if origin.click_id else "")
    for origin in site.ORIGINS
])  # fmt: skip
"""Up to the value of the click id."""
_AFTER_CLICK = text.pool(['"' if origin.click_id else "" for origin in site.ORIGINS])


def _contexts(world: World) -> Text:
    """`context` of each device, up to the host of the page."""
    parties = world.parties
    told = []
    for party, agent, place, address in zip(
        *(parties.party, parties.agent, parties.place, parties.address), strict=True
    ):
        by, where = devices.ALL_AGENTS[agent], devices.PLACES[place]
        kind = parties.kind[party]
        network = {HOSTED: devices.DATA_CENTRE, STAFF: devices.OFFICE}.get(kind, where.network)
        low, high = int(address) % 256, int(address) // 256
        numbers = (f"{address:x}",) if ":" in network else (high, low)[-network.count("{}") :]
        members = {
            "app_version": by.app_version,
            "platform": by.platform,
            "screen_resolution": by.screen,
            "locale": where.locale,
            "ip": network.format(*numbers),
            "user_agent": by.text,
        }
        told.append(f',"context":{{{site.as_members(dict(members))},"domain":')
    return text.pool(told)
