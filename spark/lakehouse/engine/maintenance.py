"""Upkeep of a lake: few large files instead of many small ones, and no older than promised.

Readers notice nothing: the published version moves to the compacted one, which has the same
content, before anything is deleted, and whoever consumed the version before is not behind.
"""

from __future__ import annotations

import contextlib
import os
import traceback
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from lakehouse.engine.job import new_request
from lakehouse.engine.labels import labelled
from lakehouse.engine.migration import moved
from lakehouse.engines.layout import is_scattered
from lakehouse.errors import LockedError, exit_code_of
from lakehouse.io import delta_log, files, ops
from lakehouse.io.files import explained
from lakehouse.io.locks import table_lock
from lakehouse.quality import quarantine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from lakehouse.engine.job import Job
    from lakehouse.engine.lake import Lake
    from lakehouse.io.state import State
    from lakehouse.settings import Settings

COMPACTED, UNCHANGED, SKIPPED, FAILED = "compacted", "unchanged", "skipped", "failed"
OPS_RETENTION = timedelta(days=7)


@dataclass(frozen=True)
class Upkeep:
    """What maintenance did to a table.

    Attributes:
        table: Its name; `ops.manifests` stands for the manifests of consumed landing files.
        outcome: compacted, unchanged (nothing to merge), skipped or failed.
        before: Files and bytes of the newest version before.
        after: The same afterwards.
        removed: Files deleted because no version young enough needs them.
        removed_bytes: Their bytes; None where nobody counted.
        note: Why it was skipped.
        error: What went wrong.
        trace: Traceback of an unexpected error.
    """

    table: str
    outcome: str
    before: ops.Size | None = None
    after: ops.Size | None = None
    removed: int = 0
    removed_bytes: int | None = None
    note: str = ""
    error: Exception | None = None
    trace: str = ""

    @property
    def exit_code(self) -> int:
        """Exit code this asks for."""
        return exit_code_of(self.error)

    @property
    def row(self) -> dict[str, Any]:
        """What the command line shows."""
        return {
            "table": self.table,
            "outcome": self.outcome,
            "files_before": self.before.files if self.before else None,
            "files_after": self.after.files if self.after else None,
            "bytes_before": self.before.bytes if self.before else None,
            "bytes_after": self.after.bytes if self.after else None,
            "removed": self.removed,
            "removed_bytes": self.removed_bytes,
            "note": self.note or (str(self.error) if self.error else ""),
        }


def maintain(
    lake: Lake, names: Sequence[str], *, with_ops: bool, in_order: bool = True
) -> list[Upkeep]:
    """Compact tables and their quarantine, and delete what nobody may read any more.

    Args:
        lake: The lake and its engine.
        names: Tables.
        with_ops: Also the lake's own tables and manifests.
        in_order: Order rows by what they are asked for, which writes all files anew; else small
            files are merged, and large ones stay as they are.

    Returns:
        One entry a table; errors of one do not stop the others.
    """
    with _stdout_is_stderr():
        lake.host.start()  # Spark's VACUUM prints, and stdout belongs to the command
    run_id = new_request().run_id
    done = [each for name in names for each in _maintain(lake, name, run_id, in_order=in_order)]
    if with_ops:
        for name in ops.SCHEMAS:
            done += _guarded(lake.settings, f"ops.{name}", partial(_ops, lake.settings, name))
        done += _guarded(lake.settings, "ops.manifests", partial(_manifests, lake))
    return done


@contextlib.contextmanager
def _stdout_is_stderr() -> Iterator[None]:
    """A process started meanwhile prints to standard error."""
    ours = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        os.dup2(ours, 1)
        os.close(ours)


def _maintain(lake: Lake, name: str, run_id: str, *, in_order: bool) -> list[Upkeep]:
    def work() -> list[Upkeep]:
        at_once = lake.settings.model_copy(update={"lock_timeout_s": 0.0})
        with table_lock(at_once, name) as token:
            job = lake.job(name, new_request(run_id=run_id), token=token)
            return [_table(job, in_order=in_order), *_quarantine(job)]

    return _guarded(lake.settings, name, work)


def _guarded(settings: Settings, name: str, work: Callable[[], list[Upkeep]]) -> list[Upkeep]:
    try:
        return work()
    except LockedError:
        return [Upkeep(name, SKIPPED, note="another process writes it; the next time will do")]
    except Exception as error:  # noqa: BLE001  # one table's failure must not stop the others
        clear = explained(error, settings.table_uri(name))
        return [Upkeep(name, FAILED, error=clear, trace=traceback.format_exc())]


@labelled("maintain")
def _table(job: Job, *, in_order: bool) -> Upkeep:
    published = job.published
    if published is None:
        return Upkeep(job.table.name, SKIPPED, note="never published")
    if job.states.candidate(job.table.name) is not None:
        return Upkeep(job.table.name, SKIPPED, note="a version waits for its output gate")
    if job.base not in {published.version, published.head}:
        note = "a run died before publishing; the next one rolls it back"
        return Upkeep(job.table.name, SKIPPED, note=note)
    before = ops.size(job.uri)
    outcome = _compact(job, job.uri, job.table.cluster_by if in_order else ())
    # Before anything is deleted: from here on no reader asks for the files of the version before.
    _move(job, published)
    return _vacuumed(job, Upkeep(job.table.name, outcome, before), job.uri)


@labelled("maintain")
def _quarantine(job: Job) -> list[Upkeep]:
    """The rejects of a bronze table, under its lock; readers follow the newest version."""
    uri = quarantine.uri(job.settings, job.table.name)
    if not job.feed or delta_log.latest_version(uri) is None:
        return []
    before, version = ops.size(uri), delta_log.latest_version(uri)
    outcome = _compact(job, uri)
    # As of the table: what follows the version of before must not ask for files that go.
    published = job.states.published(job.table.name)
    newest = delta_log.latest_version(uri)
    if published is not None and published.quarantine == version != newest:
        job.states.replace(replace(published, quarantine=newest, token=job.token))
    return [_vacuumed(job, Upkeep(f"quarantine.{job.table.noun}", outcome, before), uri)]


def _compact(job: Job, uri: str, by: Sequence[str] = ()) -> str:
    if not is_scattered(ops.sizes(uri)):
        return UNCHANGED
    job.engine.store.optimize(uri, {"run_id": job.request.run_id, "token": job.token}, by)
    return COMPACTED


def _move(job: Job, published: State) -> None:
    followed = moved(published, delta_log.latest_version(job.uri))
    if followed is not published:
        job.states.replace(replace(followed, token=job.token))


def _vacuumed(job: Job, upkeep: Upkeep, uri: str) -> Upkeep:
    held = _data_files(uri)
    job.engine.store.vacuum(uri, job.table.retention)
    left = _data_files(uri)
    removed = held.keys() - left.keys()
    return replace(
        upkeep,
        after=ops.size(uri),
        removed=len(removed),
        removed_bytes=sum(held[path] for path in removed),
    )


def _data_files(uri: str) -> dict[str, int]:
    """Path → bytes; without the log, and without the checksums that Hadoop hides beside files."""
    return {
        info.path: info.size
        for info in files.list_files(uri)
        if "/_delta_log/" not in info.path and not info.base_name.startswith(".")
    }


def _ops(settings: Settings, name: str) -> list[Upkeep]:
    uri = settings.table_uri(f"ops.{name}")
    before = ops.size(uri)
    if not before.files:
        return []
    with table_lock(settings, f"ops.{name}"):
        removed = ops.compact(settings, name, OPS_RETENTION)
    after = ops.size(uri)
    outcome = UNCHANGED if after == before else COMPACTED
    return [Upkeep(f"ops.{name}", outcome, before, after, removed)]


def _manifests(lake: Lake) -> list[Upkeep]:
    removed = lake.states.sweep_manifests(datetime.now(UTC) - OPS_RETENTION)
    return [Upkeep("ops.manifests", UNCHANGED, removed=removed)]
