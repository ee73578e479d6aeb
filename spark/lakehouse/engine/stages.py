"""The three stages of a table: assert-input, process, assert-output.

They run one after the other in `lakehouse run`, and as three commands from Airflow; what one leaves
for the next stands in the lake (the candidate state), never in memory.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

from lakehouse.engine import restatements
from lakehouse.engine.derive import derive
from lakehouse.engine.ingest import check_headers, ingest
from lakehouse.engine.labels import labelled
from lakehouse.engine.scope import derive_scope, within
from lakehouse.engine.write import check_schema
from lakehouse.errors import InputQualityError, OutputQualityError, WriteConflictError
from lakehouse.io import delta_log
from lakehouse.io.delta_log import Span
from lakehouse.io.fault_points import fault_point
from lakehouse.io.state import State
from lakehouse.quality import gates
from lakehouse.spec import Append
from lakehouse.spec.changes import CHANGE_TYPE
from lakehouse.spec.checks import OUTPUT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyspark.sql import DataFrame

    from lakehouse.engine.job import Job
    from lakehouse.engine.outlook import Outlook
    from lakehouse.engine.write import Written
    from lakehouse.quality.expectations import Result


@dataclass(frozen=True)
class Processed:
    """What `process` did.

    Attributes:
        state: The candidate, or the published state when nothing was to be done.
        reason: Why it ran, or why not.
        skipped: Nothing was to be done; readers see what they saw.
    """

    state: State
    reason: str
    skipped: bool = False


@labelled("check input")
def assert_input(job: Job, outlook: Outlook) -> list[Result]:
    """Check that the inputs are there, readable, of the declared shape, and good enough.

    Raises:
        UpstreamMissingError: An input was never published.
        SchemaMismatchError: A landing file or the stored table lacks declared columns.
        InputQualityError: A failing check, with the results; or a file that nobody can read.
    """
    if job.base is not None:
        check_schema(job)
    if outlook.arrivals is not None:
        check_headers(job, outlook.arrivals)
        return []
    inputs = [table for table in job.table.upstream if table.name in job.inputs]
    subjects = {
        table.name: gates.Subject(partial(job.read_input, table), job.inputs[table.name])
        for table in inputs
    }
    checks = [check for check in job.table.requires if check.subject in subjects]
    results = gates.evaluate(f"{job.table.name}.input", checks, subjects, job.run.as_of)
    _stop_if_red(job, "input", results, InputQualityError, "nothing was written")
    return results


def process(job: Job, outlook: Outlook) -> Processed:
    """Roll back what a dead run left, then write what the inputs ask for.

    Raises:
        LakehouseError: The write failed; the published version is untouched.
    """
    job = recover(job)
    if not outlook.has_news and job.published is not None:
        return Processed(job.published, outlook.why, skipped=True)
    if job.feed is None or outlook.arrivals is None:
        scope = derive_scope(job)
        return _proposed(job, derive(job, scope), scope.reason)
    check_headers(job, outlook.arrivals)
    position = outlook.arrivals.position
    written = ingest(job, outlook.arrivals, position, whole=outlook.whole)
    job.feed.remember(outlook.arrivals)
    return _proposed(job, written, outlook.why, position)


def _proposed(job: Job, written: Written, reason: str, position: str | None = None) -> Processed:
    state = State(
        table=job.table.name,
        version=written.version,
        head=written.version,
        run_id=job.request.run_id,
        token=job.token,
        as_of=job.as_of_key,
        inputs={name: each.version for name, each in job.inputs.items()},
        position=position,
        code=job.entry.code,
        **_totals(job, written),
        account=written.account,
        changed=written.changed,
        base=written.base,
        same_since=_same_since(job, written),
        reason=reason,
    )
    job.states.propose(state)
    fault_point("after_commit_before_gate", job.table.name)
    return Processed(state, reason)


def _same_since(job: Job, written: Written) -> int | None:
    """What the published state says, when nothing was written over it."""
    published = job.published
    if published is None or written.version != written.base:
        return None
    return published.oldest_alike


@labelled("count")
def _totals(job: Job, written: Written) -> dict[str, Any]:
    """Rows in the table and the newest value of its clocks."""
    rows, newest = job.engine.store.totals(job.uri, written.version, sorted(job.clocks))
    return {"rows": rows, "newest": {name: day.isoformat() for name, day in newest.items()}}


def recover(job: Job) -> Job:
    """Bring the table back to its published version after a run that died or was rejected."""
    job.states.withdraw(job.table.name)
    published = job.published
    if published is None or job.base in {published.version, published.head}:
        return job
    return roll_back(job, published)


@labelled("roll back")
def roll_back(job: Job, published: State) -> Job:
    """Restore the published content; the rejected versions stay readable in the history."""
    job.engine.store.restore(job.uri, published.version)
    head = delta_log.latest_version(job.uri) or published.version
    job.states.replace(replace(published, head=head))
    return job.reread()


def assert_output(job: Job) -> tuple[State, list[Result]]:
    """Audit the candidate and publish it; a red gate restores the published version.

    Raises:
        OutputQualityError: A failing check; readers still see the old version.
        WriteConflictError: Somebody else committed, or holds a newer lock.
    """
    candidate = job.states.candidate(job.table.name)
    if candidate is None:
        if job.published is None:
            message = f"{job.table.name}: nothing to audit; run its process stage first"
            raise OutputQualityError(message, table=job.table.name)
        return job.published, []
    _assert_ours(job, candidate)
    results = audit(job, candidate)
    try:
        _stop_if_red(job, "output", results, OutputQualityError, "the old version stays published")
    except OutputQualityError as error:
        job.states.withdraw(job.table.name)
        if job.published is not None and candidate.version != job.published.head:
            roll_back(job, job.published)
        error.details["version"] = candidate.version
        raise
    restatements.record(job, candidate)
    fault_point("before_publish", job.table.name)
    return job.states.publish(candidate), results


@labelled("check output")
def audit(job: Job, state: State, *, whole: bool = False) -> list[Result]:
    """Run the output gate on what a run wrote, or on the whole table."""
    subject = gates.Subject(partial(_written_rows, job, state, whole=whole), state)
    checks = job.table.ensures
    return gates.evaluate(f"{job.table.name}.output", checks, {OUTPUT: subject}, job.run.as_of)


def _assert_ours(job: Job, candidate: State) -> None:
    """Nobody else committed since the candidate's base (the fence of law 6)."""
    if intrusion := _intrusion(job, candidate):
        message = f"{job.table.name}: {intrusion}; another writer was faster, run again"
        raise WriteConflictError(message, table=job.table.name)


def _intrusion(job: Job, candidate: State) -> str | None:
    published = job.published
    if job.base != candidate.version:
        return f"version {job.base} is there, expected {candidate.version}"
    if published is not None and published.token > candidate.token:
        return f"version {published.version} was published meanwhile"
    # An engine that outlives its killed client can still commit, whoever holds the lock by then.
    # Only the token tells them apart: a retried task has the run id of the one that was killed.
    base = 0 if candidate.base is None else candidate.base  # 0 is the empty table
    notes = delta_log.notes(job.uri, base, candidate.version)
    others = sorted({str(n.get("run_id")) for n in notes if n.get("token") != candidate.token})
    return f"run {', '.join(others)} committed in between" if others else None


def _written_rows(job: Job, state: State, *, whole: bool) -> DataFrame:
    read = partial(job.engine.store.read, job.uri, state.version)
    published = job.published
    if whole or published is None or state.base is None:
        return read()
    if state.version == state.base:
        return read().limit(0)
    feed = job.engine.store.changes(job.uri, state.base, state.version)
    if feed is None:
        return read()
    if isinstance(job.table.write, Append):
        now = F.col(CHANGE_TYPE).isin("insert", "update_postimage")
        return feed.filter(now).select(*job.table.column_names)
    slices = job.table.write.slices
    if not slices:
        return read()
    return within(read(_span(job, state)), feed.select(*slices).distinct(), slices)


def _span(job: Job, state: State) -> Span | None:
    """Days of all slices that a run wrote to, where its commits tell."""
    day = job.table.day
    if state.base is None or day not in job.table.write.slices:
        return None
    days = [note.get("days") for note in delta_log.notes(job.uri, state.base, state.version)]
    if not day or not days or None in days:
        return None
    ends = [date.fromisoformat(end) for pair in days for end in pair or ()]
    return Span(day, min(ends), max(ends))


def _stop_if_red(
    job: Job,
    gate: str,
    results: Iterable[Result],
    error: type[InputQualityError | OutputQualityError],
    consequence: str,
) -> None:
    red = [result for result in results if result.is_red]
    if not red:
        return
    findings = "; ".join(f"{r.check.sentence} Found {_number(r.value)}." for r in red)
    message = f"{job.table.name}: {gate} gate is red, {consequence}. {findings}"
    raise error(message, table=job.table.name, gate=gate, results=list(results))


def _number(value: float | None) -> str:
    return "no value" if value is None else f"{value:g}"
