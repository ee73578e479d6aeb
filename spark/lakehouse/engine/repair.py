"""The way back for a table whose folder, log or files are gone or damaged.

What is left is set aside, never deleted. Silver and gold are derived again. Bronze is read again
from its landing files; rows of files that are gone come from what can still be read of the table. A
log of which only a checkpoint is damaged is read without it. Of a quarantine, and of the lake's own
tables, the next run begins a new one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lakehouse.engine.job import new_request
from lakehouse.errors import DamagedTableError, UnknownTableError, UpstreamMissingError
from lakehouse.io import damage, delta_log, files, ops, salvage
from lakehouse.io.locks import table_lock
from lakehouse.landing.files import listed

if TYPE_CHECKING:
    from lakehouse.catalog.registry import Registry
    from lakehouse.engine.lake import Lake
    from lakehouse.engine.outcome import Outcome
    from lakehouse.io.state import State

DERIVED, LANDED, UNCHECKED, BEGUN = (
    "derived again from its inputs",
    "read again from its landing files",
    "read without the checkpoints of its log",
    "set aside; the next run begins a new one",
)


@dataclass(frozen=True)
class Repair:
    """What is wrong with a table, and the way back.

    Attributes:
        table: Its name.
        found: What is wrong with it.
        way_back: What a repair does.
        n_rows: Rows of the published version.
        readable: Data files that can still be read, below its folder; of bronze alone.
        n_readable: Their rows.
        gone: Landing files that were consumed and are not there any more.
        aside: Where what is left will be kept; empty where nothing is left.
    """

    table: str
    found: str
    way_back: str
    n_rows: int
    readable: tuple[str, ...] = ()
    n_readable: int = 0
    gone: tuple[str, ...] = ()
    aside: str = ""

    @property
    def sentences(self) -> list[str]:
        """What the command line shows."""
        said = [f"{self.table}: {self.found}", f"It is {self.way_back}."]
        if self.way_back == LANDED:
            said.append(
                f"{self.n_readable:,} of its {self.n_rows:,} rows can still be read from the table."
            )
        if self.gone:
            said.append(f"Landing files that are gone: {listed(self.gone)}.")
        return [*said, *([f"What is left is kept in {self.aside}."] if self.aside else [])]

    @property
    def may_lose(self) -> int:
        """Rows that are neither readable nor, as far as one can tell, in a landing file."""
        return max(0, self.n_rows - self.n_readable) if self.gone else 0


def repair_of(lake: Lake, name: str) -> Repair | None:
    """What a repair of a published table would do; None where nothing is damaged.

    Raises:
        UpstreamMissingError: It was never published.
    """
    if name not in lake.registry.entries:
        return _repair_of_ours(lake, name)
    state = lake.states.published(name)
    if state is None:
        message = f"{name} was never published; run `lakehouse run +{name}`"
        raise UpstreamMissingError(message, table=name)
    uri = lake.settings.table_uri(name)
    found = damage.damage_of(uri, state, whole=True)
    if found is None:
        return None
    is_there = bool(files.list_files(uri))
    plan = Repair(name, found, DERIVED, state.rows, aside=_aside(lake, name) if is_there else "")
    if damage.reads_without_checkpoints(uri, state.version):
        return replace(plan, way_back=UNCHECKED)
    source = lake.registry[name].table.source
    if source is None:
        return plan
    readable = damage.readable_files(uri, state.version) if is_there else []
    return replace(
        plan,
        way_back=LANDED,
        readable=tuple(readable),
        n_readable=salvage.n_rows(uri, readable),
        gone=_gone(lake, name, state),
    )


def repair(lake: Lake, plan: Repair, *, accept_loss: bool = False) -> Outcome | None:
    """Carry it out; what became of the table that was run, or None where none had to.

    Raises:
        DamagedTableError: Rows would be lost, and nobody accepted that.
    """
    name, uri = plan.table, lake.settings.table_uri(plan.table)
    if plan.may_lose and not accept_loss:
        message = (
            f"{name}: up to {plan.may_lose:,} of {plan.n_rows:,} rows would be lost, because these "
            f"landing files are gone: {listed(plan.gone)}; put them back below "
            f"{lake.settings.raw_uri}, or accept the loss with --accept-loss"
        )
        raise DamagedTableError(message, table=name, gone=plan.gone)
    with table_lock(lake.settings, name):
        if plan.way_back == UNCHECKED:
            for path in damage.checkpoints(uri):
                files.move(f"{uri}/{path}", f"{plan.aside}/{path}")
            return None
        if plan.aside:
            files.move(uri, plan.aside)
        if plan.way_back == BEGUN:
            return None
        if plan.readable:
            salvage.salvage(plan.aside, plan.readable, uri)
            _publish_what_is_left(lake, plan)
        else:
            lake.states.forget(name)
    [outcome] = lake.run([name], new_request(migrate=bool(plan.readable)))
    return outcome


def _repair_of_ours(lake: Lake, name: str) -> Repair | None:
    """The same of a quarantine, or of a table in which the lake keeps its books."""
    if name not in own_tables(lake.registry):
        raise UnknownTableError(name, [*lake.registry.entries, *own_tables(lake.registry)])
    found = damage.damage_of_newest(lake.settings.table_uri(name), whole=True)
    return Repair(name, found, BEGUN, 0, aside=_aside(lake, name)) if found else None


def own_tables(registry: Registry) -> list[str]:
    """Tables that are nobody's input: quarantines, and those in which the lake keeps its books."""
    rejects = [f"quarantine.{each.table.noun}" for each in registry if each.table.source]
    return [*rejects, *(f"ops.{name}" for name in ops.SCHEMAS)]


def _aside(lake: Lake, name: str) -> str:
    return f"{lake.settings.root_uri}/damaged/{name}-{new_request().run_id}"


def _publish_what_is_left(lake: Lake, plan: Repair) -> None:
    """Readers see the rows that are left, each of which passed a gate, until the run is green."""
    state = lake.states.published(plan.table)
    uri = lake.settings.table_uri(plan.table)
    version = delta_log.latest_version(uri)
    if state is not None and version is not None:
        left = replace(state, version=version, head=version, base=None, same_since=None)
        identity = delta_log.table_id(uri, version)
        lake.states.replace(replace(left, rows=plan.n_readable, table_id=identity))


def _gone(lake: Lake, name: str, state: State) -> tuple[str, ...]:
    job = lake.glance(name, new_request())
    arrivals = job.feed.look(state.position, None) if job.feed else None
    return arrivals.gone if arrivals else ()
