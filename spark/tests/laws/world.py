"""A small random world of a domain's landing rows, and ways to deliver the same rows differently.

Rows are made from what their sources declare. A domain that knows more says it in
`worlds/<domain>.py`: its `refine(rows, chance)` changes the rows in place, and its
`told_day(source, row)`, where there is one, says of which day a row tells.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from laws.generated import make_rows

from conftest import LakeDriver
from lakehouse.catalog.registry import Registry
from lakehouse.spec import TIMESTAMP, Source

WORLDS = Path(__file__).parent / "worlds"
Rows = dict[str, list[dict[str, Any] | str]]


def make_world(registry: Registry, domain: str, seed: int) -> Rows:
    """Rows that the domain's sources accept, as objects; what they reject mostly as lines."""
    chance = random.Random(seed)
    sources = sources_of(registry, domain)
    shared = _shared_keys(registry)
    rows: Rows = {source.name: _mixed(source, chance, shared) for source in sources}
    if refine := of_world(domain, "refine"):
        refine(rows, chance)
    return rows


def sources_of(registry: Registry, domain: str) -> list[Source]:
    """What lands for the domain, by name."""
    found = {
        entry.table.source.name: entry.table.source
        for entry in registry
        if entry.table.source and entry.table.domain == domain
    }
    return [found[name] for name in sorted(found)]


def of_world(domain: str, name: str) -> Callable[..., Any] | None:
    """A function of the domain's own world; None where it has none."""
    if not (WORLDS / f"{domain}.py").exists():
        return None
    return getattr(import_module(f"laws.worlds.{domain}"), name, None)


def _mixed(source: Source, chance: random.Random, shared: set[str]) -> list[dict[str, Any] | str]:
    good, bad = make_rows(source, chance, shared=shared)
    return [*good, *bad]


def _shared_keys(registry: Registry) -> set[str]:
    """Names of keys that several sources tell."""
    sources = {
        entry.table.source.name: entry.table.source for entry in registry if entry.table.source
    }
    told = Counter(field.name for source in sources.values() for field in source.fields)
    return {name for name, n in told.items() if n > 1 and name.endswith("_id")}


def land_at_once(lake: LakeDriver, world: Rows) -> None:
    """One file a source."""
    for source, rows in world.items():
        lake.land(f"{source}.jsonl", rows)


def batches(world: Rows, seed: int, n: int) -> list[Rows]:
    """The same rows shuffled, a quarter of them sent twice, cut into deliveries."""
    chance = random.Random(seed)
    cut: list[Rows] = [{source: [] for source in world} for _ in range(n)]
    for source, rows in world.items():
        sent = [row for row in rows for _ in range(1 + (chance.random() < 0.25))]
        chance.shuffle(sent)
        for row in sent:
            cut[chance.randrange(n)][source].append(row)
    return cut


def with_a_late_day(world: Rows, clocks: dict[str, str], seed: int) -> tuple[Rows, Rows]:
    """The rows without some day's events, and these: a delivery that concerns few files."""
    chance = random.Random(seed)
    others, late = dict(world), {}
    for source, clock in sorted(clocks.items()):
        days = {day for row in world[source] if (day := _day_of(row, clock))}
        chosen = chance.choice(sorted(days))
        late[source] = [row for row in world[source] if _day_of(row, clock) == chosen]
        others[source] = [row for row in world[source] if _day_of(row, clock) != chosen]
    return others, late


def clocks_of(sources: list[Source]) -> dict[str, str]:
    """The field that says when an event happened, of every source that tells events."""
    return {
        source.name: field.name
        for source in sources
        for field in reversed(source.fields)
        if field.required and field.type == TIMESTAMP
    }


def _day_of(row: dict[str, Any] | str, clock: str) -> str | None:
    told = row[clock] if isinstance(row, dict) else ""
    return told[:10] if told.startswith("20") else None


def land_batch(lake: LakeDriver, batch: Rows, number: int) -> None:
    """One file a source and delivery; a source that sends nothing sends no file."""
    for source, rows in batch.items():
        if rows or number == 0:
            lake.land(f"{source}/{number}.jsonl", rows)
