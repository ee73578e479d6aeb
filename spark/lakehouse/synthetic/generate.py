"""One run: simulate the world, render its sources, deliver them, and write down the truth."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from lakehouse.synthetic import activity, growth, interactions, profiles
from lakehouse.synthetic.arguments import Arguments
from lakehouse.synthetic.dirt import Delivery
from lakehouse.synthetic.period import Calendar
from lakehouse.synthetic.population import populate
from lakehouse.synthetic.source import Chunk, Source
from lakehouse.synthetic.truth import growth_truth, interactions_truth
from lakehouse.synthetic.web.events import EventStream
from lakehouse.synthetic.web.sources import sources as web_sources
from lakehouse.synthetic.web.truth import web_truth
from lakehouse.synthetic.web.world import simulate
from lakehouse.synthetic.writer import TRUTH, LandingFolder, MadeFile, Rows

EXTENSIONS = {
    "growth": {
        "feature_releases": "json",
        "user_signups": "jsonl",
        "feature_usage_events": "jsonl",
        "conversions": "jsonl",
    },
    "interactions": {"user_interactions": "csv", "user_metadata": "csv"},
    "web": {"web_events": "jsonl", "currency_rates": "csv"},
}

Progress = Callable[[str, int], None]


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a run did: files listed by the marker, files it removed, others' files beside them."""

    files: list[MadeFile]
    removed: list[str]
    strangers: list[str]
    truth: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class _Part:
    """A domain: its sources, and its truth once they are delivered."""

    domain: str
    sources: list[Source]
    truth: Callable[[], dict[str, Any]]


def generate(
    arguments: Arguments,
    out: Path,
    *,
    force: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Write the landing files of ``arguments`` to ``out``.

    Raises:
        LandingConflictError: Files of others are in the way and ``force`` is not set; nothing was
            written.
    """
    folder = LandingFolder(out)
    names = {name for domain in arguments.domains for name in EXTENSIONS[domain]}
    targets = _targets(arguments)
    strangers = sorted(set(folder.strangers(names)) - set(targets))
    if not force:
        folder.refuse_conflicts(targets, {*names, "truth"})
    calendar = Calendar(arguments.start, arguments.days)
    truth: dict[str, Any] = {}
    try:
        for part in _parts(arguments, calendar):
            counts = {
                source.name: _deliver(source, arguments, calendar, folder, progress)
                for source in part.sources
            }
            truth[part.domain] = {
                "arguments": arguments.as_json(),
                "sources": counts,
                **part.truth(),
            }
        earlier = json.loads(folder.own_text(TRUTH) or "{}")
        truth = {name: (earlier | truth)[name] for name in EXTENSIONS if name in earlier | truth}
        with folder.stage(TRUTH, compress=False) as file:
            file.write((json.dumps(truth, indent=2) + "\n").encode())
        if not force:  # once more: a large run takes minutes
            folder.refuse_conflicts(targets, {*names, "truth"})
        removed = folder.publish(names)
    finally:
        folder.abandon()
    return Report(files=folder.published, removed=removed, strangers=strangers, truth=truth)


def _parts(arguments: Arguments, calendar: Calendar) -> Iterator[_Part]:
    """The domains asked for; all are about the same people."""
    seed = arguments.seed
    people = populate(arguments.users, calendar, seed)
    world = growth.simulate(people, events=arguments.events, seed=seed)
    if "growth" in arguments.domains:
        yield _Part(
            domain="growth", sources=growth.sources(world), truth=lambda: growth_truth(world)
        )
    if "interactions" in arguments.domains:
        hot_user = activity.hot_user_of(people)
        states = profiles.profile(people, world.conversions, keep=hot_user, seed=seed)
        visits = activity.plan(
            people,
            states,
            rows=arguments.interaction_rows,
            seed=seed,
            incident=arguments.incidents == "planted",
        )
        yield _Part(
            domain="interactions",
            sources=[
                interactions.source(visits),
                profiles.source(states, people),
            ],
            truth=lambda: interactions_truth(visits),
        )
    if "web" in arguments.domains:
        stream = EventStream(
            simulate(
                people,
                rows=arguments.web_rows,
                seed=seed,
                incident=arguments.incidents == "planted",
            )
        )
        yield _Part(domain="web", sources=web_sources(stream), truth=lambda: web_truth(stream))


def _targets(arguments: Arguments) -> list[str]:
    """Every path that this run may write."""
    days: list[str | None] = [None]
    if arguments.daily:
        calendar = Calendar(arguments.start, arguments.days)
        days = [calendar.date_of(day) for day in range(arguments.days)]
    return [TRUTH] + [
        _path(name, extension, day, compress=arguments.gzip)
        for domain in arguments.domains
        for name, extension in EXTENSIONS[domain].items()
        for day in days
    ]


def _path(name: str, extension: str, day: str | None, *, compress: bool) -> str:
    stem = name if day is None else f"{name}/{day}"
    return f"{stem}.{extension}{'.gz' if compress else ''}"


def _deliver(
    source: Source,
    arguments: Arguments,
    calendar: Calendar,
    folder: LandingFolder,
    progress: Progress | None,
) -> dict[str, Any]:
    """Stage the files of a source; return the tallies of its rows."""
    delivery = Delivery(
        source=source,
        dirty=arguments.dirty,
        last_day=calendar.days - 1,
        seed=arguments.seed,
        delayed=arguments.daily and source.may_be_late,
    )

    files: Iterable[tuple[str | None, Iterator[Chunk]]] = [(None, delivery.chunks())]
    if arguments.daily:
        files = groupby(delivery.chunks(), key=lambda chunk: calendar.date_of(chunk.day))
    for day, chunks in files:
        path = _path(source.name, source.extension, day, compress=arguments.gzip)
        with folder.stage(path, compress=arguments.gzip) as file:
            lines = Rows(file, source)
            for chunk in chunks:
                lines.write(chunk.lines)
                if progress:
                    progress(source.name, len(chunk.lines))
            lines.finish()
    return delivery.counts()
