"""Stored columns → declared columns, for a table whose declaration changed.

Nullable columns are added in place. After any other change the table starts from an empty version:
silver and gold are derived again, bronze is read again from its landing files, and from what the
table holds of files that are gone. Either way the run that follows is an ordinary one, behind its
gates: until it is green, readers see the version before.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lakehouse.errors import MigrationNeededError
from lakehouse.io import delta_log

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakehouse.engine.job import Job
    from lakehouse.engine.lake import Lake
    from lakehouse.io.state import State
    from lakehouse.spec import Column, Table

Stored = dict[str, tuple[str, bool]]
"""Column → its type, and whether null is legal."""
IN_PLACE, REBUILT = "added in place", "rebuilt"


@dataclass(frozen=True)
class Migration:
    """What has to become of the stored columns of a table.

    Attributes:
        table: Its declaration.
        stored: Its columns as they are stored.
    """

    table: Table
    stored: Stored

    @property
    def added(self) -> tuple[Column, ...]:
        """Declared columns that are not stored under any name."""
        known = self.stored.keys() | set(self.renamed.values())
        return tuple(each for each in self.table.stored_columns if each.name not in known)

    @property
    def renamed(self) -> dict[str, str]:
        """Stored name → declared name, as `formerly` says."""
        return {
            each.formerly: each.name
            for each in self.table.stored_columns
            if each.formerly in self.stored and each.name not in self.stored
        }

    @property
    def dropped(self) -> tuple[str, ...]:
        """Stored columns that are not declared any more."""
        kept = {*self.table.column_names, *self.renamed}
        return tuple(name for name in self.stored if name not in kept)

    @property
    def changed(self) -> dict[str, tuple[str, str]]:
        """Columns of another type, or of which null is legal or not: name → (stored, declared)."""
        names = {new: old for old, new in self.renamed.items()}
        found = {}
        for each in self.table.stored_columns:
            stored = self.stored.get(names.get(each.name, each.name))
            if stored and stored != (each.type, each.nullable):
                found[each.name] = (_words(*stored), _words(each.type, each.nullable))
        return found

    @property
    def in_place(self) -> bool:
        """Whether only nullable columns are to be added."""
        others = self.renamed or self.dropped or self.changed
        return not others and all(each.nullable for each in self.added)

    @property
    def steps(self) -> list[tuple[str, str]]:
        """Column and what becomes of it, in words."""
        steps = [(c.name, f"added, {_words(c.type, c.nullable)}") for c in self.added]
        steps += [(name, "dropped") for name in self.dropped]
        steps += [(new, f"renamed from {old}") for old, new in self.renamed.items()]
        steps += [(name, f"{old} becomes {new}") for name, (old, new) in self.changed.items()]
        return steps

    @property
    def rows(self) -> list[dict[str, Any]]:
        """What the command line shows."""
        how = IN_PLACE if self.in_place else REBUILT
        return [
            {"table": self.table.name, "column": name, "change": change, "how": how}
            for name, change in self.steps
        ]


def migration_of(table: Table, stored: Stored) -> Migration | None:
    """What has to become of a table; None where its columns are the declared ones."""
    found = Migration(table, stored)
    return found if found.steps else None


def pending(lake: Lake, names: Sequence[str]) -> list[Migration]:
    """Migrations that published tables wait for."""
    found = []
    for name in names:
        state = lake.states.published(name)
        if state is not None:
            stored = delta_log.columns(lake.settings.table_uri(name), state.version)
            found.append(migration_of(lake.registry[name].table, stored))
    return [each for each in found if each]


def check_columns(job: Job) -> None:
    """The stored columns are the declared ones.

    Raises:
        MigrationNeededError: They differ; names the columns.
    """
    if job.base is None or job.request.migrate:
        return
    found = migration_of(job.table, delta_log.columns(job.uri, job.base))
    if found:
        steps = "; ".join(f"{name}: {change}" for name, change in found.steps)
        message = (
            f"the columns of {job.table.name} stored at {job.uri} differ from the declared ones "
            f"({steps}); `lakehouse migrate {job.table.name}` changes them, --dry-run shows how"
        )
        raise MigrationNeededError(message, table=job.table.name, steps=found.steps)


def migrated(job: Job, metadata: dict[str, Any]) -> Job:
    """The job of a table that has the declared columns now; what it builds on may be empty."""
    from lakehouse.engines import columns  # noqa: PLC0415  # deltalake, which looking does without

    published = job.published
    if published is None or job.base is None:
        return job
    found = migration_of(job.table, delta_log.columns(job.uri, job.base))
    if found is None:
        return job
    if found.in_place:
        columns.add(job.uri, found.added, metadata)
        job.states.replace(moved(published, delta_log.latest_version(job.uri)))
        return job.reread()
    columns.replace(job.uri, job.table, metadata)
    return replace(job.reread(), starts_empty=True)


def moved(published: State, newest: int | None) -> State:
    """The published state of a table whose newest version has the same content."""
    if newest is None or newest == published.version:
        return published
    return replace(published, version=newest, head=newest, same_since=published.oldest_alike)


def _words(kind: str, nullable: bool) -> str:  # noqa: FBT001  # as it is stored
    return kind if nullable else f"{kind} not null"
