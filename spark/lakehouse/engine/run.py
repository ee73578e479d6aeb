"""The run of one table under its lock: one body for all its stages and for one of them."""

from __future__ import annotations

import time
import traceback
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lakehouse.catalog.status import Status
from lakehouse.engine.outcome import Outcome, Progress
from lakehouse.engine.outlook import look
from lakehouse.engine.record import Books, check_rows, run_row
from lakehouse.errors import LakehouseError
from lakehouse.io.damage import damage_of, damaged
from lakehouse.io.files import explained
from lakehouse.io.locks import table_lock
from lakehouse.quality.judge import warm_up

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from lakehouse.engine.job import Job, Request
    from lakehouse.engine.lake import Lake
    from lakehouse.engine.outlook import Outlook
    from lakehouse.engines.protocols import Host

ASSERT_INPUT, PROCESS, ASSERT_OUTPUT = STAGES = ("assert-input", "process", "assert-output")
GATES = {ASSERT_INPUT, ASSERT_OUTPUT}


def run_table(  # noqa: PLR0913  # what to run, and whom to tell
    lake: Lake,
    name: str,
    request: Request,
    *,
    only: Sequence[str] = STAGES,
    notify: Callable[[Outcome], None] = lambda _: None,
    books: Books | None = None,
) -> Outcome:
    """Run stages of a table; never raises, the outcome says what happened.

    Args:
        lake: The lake and its engine.
        name: Table.
        request: What was asked for.
        only: The stages, in order. All of them end where there is nothing to do.
        notify: Called with every change of the outcome.
        books: Takes the rows of the ops tables, for the caller to write together with others.
            Without them the run writes its own.
    """
    started, clock = datetime.now(UTC), time.monotonic()
    progress = Progress(name)
    notify(progress.so_far())
    try:
        with table_lock(lake.settings, name) as token:
            job = lake.glance(name, request, token=token)
            outlook = None if only == (ASSERT_OUTPUT,) else look(job)
            if outlook is not None:
                progress.reason, progress.state = outlook.reason, job.published
            if outlook is not None and outlook.idle and ASSERT_INPUT in only:
                _remember_touched(job, outlook)
            else:
                if set(only) & GATES:
                    warm_up()  # what judges is there by the first gate
                job = replace(job, engine=lake.host.engine(name))
                with forgotten(lake.host):
                    _run_stages(job, outlook, progress, only, lambda: notify(progress.so_far()))
    except Exception as error:  # noqa: BLE001  # one table's failure must not stop the others
        clear = lake.host.error(error) or explained(error, lake.settings.table_uri(name))
        progress.fail(_damage_behind(lake, name, clear) or clear)
    outcome = progress.outcome(time.monotonic() - clock)
    ends_run = progress.error is not None or only[-1] == ASSERT_OUTPUT
    row = run_row(outcome, request, started) if ends_run else None
    checks = check_rows(lake.registry[name].table, progress, request.run_id)
    own = books or Books(lake.settings)
    own.add(checks, row)
    if books is None and (failure := own.write()):
        outcome = unrecorded(outcome, failure)
    notify(outcome)
    return outcome


@contextmanager
def forgotten(host: Host) -> Iterator[None]:
    """Let go of what a run made. Where that fails after another error, the other one is told."""
    try:
        yield
    except Exception:
        with suppress(Exception):
            host.forget()
        raise
    host.forget()


def _damage_behind(lake: Lake, name: str, error: Exception) -> Exception | None:
    """That files of the table or of an input are damaged, where an error may come from that."""
    if isinstance(error, LakehouseError):
        return None
    for each in (name, *(table.name for table in lake.registry[name].table.upstream)):
        uri, state = lake.settings.table_uri(each), lake.states.published(each)
        if state is not None and (found := damage_of(uri, state, whole=True)):
            return damaged(each, uri, found)
    return None


def _remember_touched(job: Job, outlook: Outlook) -> None:
    """Files that were touched and have the same content: the next look need not open them again."""
    if job.feed is not None and outlook.arrivals is not None:
        job.feed.remember(outlook.arrivals)


def _run_stages(
    job: Job,
    outlook: Outlook | None,
    progress: Progress,
    only: Sequence[str],
    tell: Callable[[], None],
) -> None:
    from lakehouse.engine import stages  # noqa: PLC0415  # loads an engine, which a look never needs

    if outlook is not None and ASSERT_INPUT in only:
        with progress.gate():
            found = stages.assert_input(job, outlook)
        progress.results += [("input", result) for result in found]
    if outlook is not None and PROCESS in only:
        tell()
        processed = stages.process(job, outlook)
        progress.reason, progress.state = processed.reason, processed.state
        progress.written = None if processed.skipped else processed.state
    if ASSERT_OUTPUT in only and (outlook is None or progress.written):
        tell()
        job = job.reread()
        progress.written = job.states.candidate(job.table.name)
        if progress.written:
            progress.reason = progress.written.reason
        with progress.gate():
            progress.state, results = stages.assert_output(job)
        progress.results += [("output", result) for result in results]


def unrecorded(outcome: Outcome, error: Exception) -> Outcome:
    """An outcome that nobody could write down: a lake that cannot even take that has failed."""
    if outcome.error is not None:
        return outcome
    trace = "".join(traceback.format_exception(error))
    return replace(outcome, outcome=Status.FAILED, error=error, trace=trace)
