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
from lakehouse.engine.migration import check_columns, migrated
from lakehouse.engine.scope import derive_scope, within
from lakehouse.engine.write import metadata_of
from lakehouse.errors import InputQualityError, OutputQualityError, WriteConflictError
from lakehouse.io import delta_log, ops
from lakehouse.io.damage import assert_published
from lakehouse.io.delta_log import Span
from lakehouse.io.fault_points import fault_point
from lakehouse.io.state import MOST_DAYS_AHEAD, State
from lakehouse.landing.feeds import parts_of
from lakehouse.quality import gates, quarantine
from lakehouse.spec import Append
from lakehouse.spec.changes import CHANGE_TYPE
from lakehouse.spec.checks import OUTPUT, REJECTED_RATE, ROWS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyspark.sql import DataFrame

    from lakehouse.engine.job import Job
    from lakehouse.engine.outlook import Outlook
    from lakehouse.engine.write import Written
    from lakehouse.quality.expectations import Result
    from lakehouse.spec import Check, Table


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
        DamagedTableError: The table, or an input, is not the one that was published.
        SchemaMismatchError: A landing file lacks declared columns.
        MigrationNeededError: The stored table has other columns than declared.
        InputQualityError: A failing check, with the results; or a file that nobody can read.
    """
    _assert_all_there(job)
    check_columns(job)
    if outlook.arrivals is not None:
        check_headers(job, outlook.arrivals)
        return []
    inputs = [table for table in job.table.upstream if table.name in job.inputs]
    subjects = {
        table.name: gates.Subject(
            partial(job.read_input, table), job.inputs[table.name], job.engine
        )
        for table in inputs
    }
    checks = [check for check in job.table.requires if check.subject in subjects]
    results = gates.evaluate(f"{job.table.name}.input", checks, subjects, job.request.due)
    _stop_if_red(job, "input", results, InputQualityError, "nothing was written")
    return results


def _assert_all_there(job: Job) -> None:
    for state in filter(None, (job.published, *job.upstream.values())):
        assert_published(state.table, job.settings.table_uri(state.table), state)


def process(job: Job, outlook: Outlook) -> Processed:
    """Roll back what a dead run left, then write what the inputs ask for.

    Raises:
        LakehouseError: The write failed; the published version is untouched.
    """
    job = recover(job)
    if not outlook.has_news and job.published is not None:
        if job.states.rejected(job.table.name) is None:
            _roll_back_rejects(job)
        return Processed(job.published, outlook.why, skipped=True)
    if rejected := _rejected_before(job, outlook):
        reason = f"{outlook.why}; nothing has changed since version {rejected.version} was rejected"
        again = replace(rejected, run_id=job.request.run_id, token=job.token, reason=reason)
        job.states.propose(again)
        return Processed(again, reason)
    if job.request.migrate:
        job = migrated(job, metadata_of(job))
    if job.feed is None or outlook.arrivals is None:
        scope = derive_scope(job)
        return _proposed(job, derive(job, scope), scope.reason)
    check_headers(job, outlook.arrivals)
    _roll_back_rejects(job)
    position = outlook.arrivals.position
    written = ingest(job, outlook.arrivals, position, whole=outlook.whole)
    job.feed.remember(outlook.arrivals)
    return _proposed(job, written, outlook.why, position)


def _roll_back_rejects(job: Job) -> None:
    """Bring the quarantine back to what belongs to the published version."""
    if job.feed is not None and job.published is not None:
        where = quarantine.uri(job.settings, job.table.name)
        quarantine.roll_back(job.engine.store, where, job.published.quarantine)


def _rejected_before(job: Job, outlook: Outlook) -> State | None:
    """The version that the gate refused, where a run would only write it once more.

    A retry then audits what is there: it neither writes nor restores.
    """
    rejected, published = job.states.rejected(job.table.name), job.published
    asked = job.request
    if asked.full_refresh or asked.migrate or asked.replays is not None:
        return None
    if rejected is None or published is None:
        return None
    same = (
        rejected.table_id == published.table_id
        and rejected.code == job.code
        and (rejected.as_of, rejected.cut_at) == (job.as_of_key, job.cut_key)
        and rejected.inputs == {name: each.identity for name, each in job.inputs.items()}
        and rejected.position == (outlook.arrivals.position if outlook.arrivals else None)
    )
    return rejected if same and ops.is_readable(job.uri, rejected.version) else None


def _proposed(job: Job, written: Written, reason: str, position: str | None = None) -> Processed:
    totals = _totals(job, written)
    state = State(
        table=job.table.name,
        version=written.version,
        head=written.version,
        run_id=job.request.run_id,
        token=job.token,
        as_of=job.as_of_key,
        cut_at=job.cut_key,
        told_until=job.told_until,
        table_id=delta_log.table_id(job.uri, written.version),
        inputs={name: each.identity for name, each in job.inputs.items()},
        position=position,
        code=job.code,
        **totals,
        account=written.account,
        changed=written.changed,
        base=written.base,
        same_since=_same_since(job, written),
        reason="; ".join([reason, *_waiting(job, totals["ahead"])]),
        quarantine=_quarantine(job),
    )
    job.states.propose(state)
    fault_point("after_commit_before_gate", job.table.name)
    return Processed(state, state.reason)


def _quarantine(job: Job) -> int | None:
    if job.feed is None:
        return None
    return delta_log.latest_version(quarantine.uri(job.settings, job.table.name))


def _waiting(job: Job, ahead: dict[str, dict[str, int]]) -> Iterable[str]:
    """How many rows lie after the day of the run, in words; nothing without any."""
    days = {} if job.table.tells_plans else ahead.get(job.table.happened_on)
    if days:
        n = sum(days.values())
        yield f"{n:,} row{'s'[: n > 1]} dated after {job.request.today} wait{'s'[: n == 1]}"


def _same_since(job: Job, written: Written) -> int | None:
    """What the published state says, when nothing was written over it."""
    published = job.published
    if published is None or written.version != written.base:
        return None
    return published.oldest_alike


@labelled("count")
def _totals(job: Job, written: Written) -> dict[str, Any]:
    """Rows in the table and the newest value of its clocks."""
    columns = sorted(job.clocks & set(job.table.column_names))
    rows, newest = job.engine.store.totals(job.uri, written.version, columns)
    told: dict[str, date | None] = {**newest}
    ahead: dict[str, dict[str, int]] = {}
    for clock in sorted(job.clocks):
        if clock in columns and newest.get(clock, job.request.today) <= job.request.today:
            continue  # the statistics of its files say it all
        told[clock], ahead[clock] = _days(job, written.version, clock)
    return {
        "rows": rows,
        "newest": {name: day.isoformat() for name, day in told.items() if day},
        "ahead": {name: days for name, days in ahead.items() if days},
    }


def _days(job: Job, version: int, clock: str) -> tuple[date | None, dict[str, int]]:
    """The newest value of a clock up to the day of the run, and the rows of each later day."""
    rows = job.engine.store.read(job.uri, version).select(F.expr(clock).alias("day"))
    is_ahead = F.col("day") > F.lit(job.request.today)
    newest = rows.filter(~is_ahead).agg(F.max("day").alias("day")).first()
    counted = rows.filter(is_ahead).groupBy("day").agg(F.count(F.lit(1)).alias("n"))
    later = counted.orderBy("day").limit(MOST_DAYS_AHEAD).collect()
    return newest["day"] if newest else None, {row["day"].isoformat(): row["n"] for row in later}


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
            message = f"{job.table.name}: no new version to check; run its process stage first"
            raise OutputQualityError(message, table=job.table.name)
        return job.published, []
    rejected = job.states.rejected(job.table.name)
    is_again = rejected is not None and rejected.identity == candidate.identity
    if not is_again:
        _assert_ours(job, candidate)
    # Other code may have other checks: rows that stayed as they were never met them.
    is_new_code = job.published is not None and job.published.code != candidate.code
    results = audit(job, candidate, whole=is_new_code)
    try:
        _stop_if_red(job, "output", results, OutputQualityError, "the old version stays published")
    except OutputQualityError as error:
        job.states.reject(candidate)
        if job.published is not None and not is_again and candidate.version != job.published.head:
            roll_back(job, job.published)
        error.details["version"] = candidate.version
        raise
    if is_again:
        candidate = _brought_back(job, candidate)
    restatements.record(job, candidate)
    fault_point("before_publish", job.table.name)
    return job.states.publish(candidate), results


def _brought_back(job: Job, rejected: State) -> State:
    """A version that was rejected, and is not any more, as the newest."""
    if delta_log.latest_version(job.uri) != rejected.version:
        job.engine.store.restore(job.uri, rejected.version)
    newest = delta_log.latest_version(job.uri) or rejected.version
    return replace(rejected, version=newest, head=newest)


@labelled("check output")
def audit(job: Job, state: State, *, whole: bool = False) -> list[Result]:
    """Run the output gate on what a run wrote, or on the whole table."""
    subject = gates.Subject(partial(_written_rows, job, state, whole=whole), state, job.engine)
    checks = [check for check in job.table.ensures if check.given not in job.absent]
    if parts_of(state.position)[1] is not None:
        checks = [_never_stopping(check) for check in checks]
    return gates.evaluate(f"{job.table.name}.output", checks, {OUTPUT: subject}, job.request.due)


def _never_stopping(check: Check) -> Check:
    """The same of a topic: a file can be corrected, but nobody can take a record back.

    However many rejects come in a row, and be they all that ever came, what comes behind them is
    consumed; people are told.
    """
    return replace(check, severity="warn") if check.fact in {REJECTED_RATE, ROWS} else check


def _assert_ours(job: Job, candidate: State) -> None:
    """Nobody else committed since the candidate's base (the fence of law 6)."""
    if intrusion := _intrusion(job, candidate):
        message = f"{job.table.name}: {intrusion}; another writer committed first, run again"
        raise WriteConflictError(message, table=job.table.name)


def _intrusion(job: Job, candidate: State) -> str | None:
    published = job.published
    if job.base != candidate.version:
        return f"found version {job.base}, expected {candidate.version}"
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
        return job.engine.planned(_as_of_now, feed, about=job.table)
    if not job.table.write.slices:
        return read()
    return job.engine.planned(_of_changed, read(_span(job, state)), feed, about=job.table)


def _as_of_now(table: Table, feed: DataFrame) -> DataFrame:
    """The rows that were added or changed, as they are now."""
    now = F.col(CHANGE_TYPE).isin("insert", "update_postimage")
    return feed.filter(now).select(*table.column_names)


def _of_changed(table: Table, rows: DataFrame, feed: DataFrame) -> DataFrame:
    """The rows of slices in which something changed."""
    slices = table.write.slices
    return within(rows, feed.select(*slices).distinct(), slices)


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
    findings = "; ".join(f"{r.check.sentence} Found {r.told}." for r in red)
    message = f"{job.table.name}: {gate} gate is red, {consequence}. {findings}"
    raise error(message, table=job.table.name, gate=gate, results=list(results))
