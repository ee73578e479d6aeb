"""Running tables: the only place with side effects on the lake.

Independent tables run side by side in one engine; a table starts when everything it reads is done;
a failure stops what is downstream of it and nothing else.
"""

from __future__ import annotations

import threading
import time
import traceback
import uuid
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from lakehouse.catalog.domains import in_use
from lakehouse.engine import stages
from lakehouse.engine.job import Job, Request
from lakehouse.engines.spark.labels import TableEngine
from lakehouse.engines.spark.session import attach, engine_went_away, start_session
from lakehouse.errors import ConfigError, LakehouseError, UpstreamMissingError, exit_code_of
from lakehouse.io import ops
from lakehouse.io.files import explained
from lakehouse.io.locks import table_lock
from lakehouse.io.state import Account, State, StateStore
from lakehouse.quality.expectations import Result, warm_up

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date

    from pyspark.sql import SparkSession

    from lakehouse.catalog.registry import Registry
    from lakehouse.settings import Settings

WAITING, RUNNING = "waiting", "running"
UPDATED, UNCHANGED, FAILED, BLOCKED = "updated", "unchanged", "failed", "blocked"


@dataclass(frozen=True)
class Outcome:
    """What became of a table in a run.

    Attributes:
        table: Table name.
        outcome: updated, unchanged, failed, blocked (something upstream failed), or a stage while
            it runs.
        reason: Why it ran or not.
        state: Published state afterwards.
        account: Where the rows of this run went.
        changed: Rows written, by operation.
        results: Results of both gates.
        seconds: Wall time.
        gate_seconds: Of which spent in gates.
        error: What went wrong.
        trace: Traceback of an unexpected error.
    """

    table: str
    outcome: str
    reason: str = ""
    state: State | None = None
    account: Account = field(default_factory=Account)
    changed: dict[str, int] = field(default_factory=dict)
    results: tuple[Result, ...] = ()
    seconds: float = 0.0
    gate_seconds: float = 0.0
    error: Exception | None = None
    trace: str = ""

    @property
    def exit_code(self) -> int:
        """Exit code this outcome asks for."""
        return exit_code_of(self.error)


class Lake:
    """A lake and the engine that works on it; a context manager that stops what it started."""

    def __init__(
        self, settings: Settings, registry: Registry, spark: SparkSession | None = None
    ) -> None:
        """Keep what to work on; without an engine of the caller's, one starts at its first use."""
        self.settings = settings
        self.registry = registry
        self.states = StateStore(settings)
        self._spark = spark
        self._owns_engine = spark is None
        self._attached: list[SparkSession] = []
        self._starting = threading.Lock()

    @property
    def spark(self) -> SparkSession:
        """The engine, started when first needed."""
        with self._starting:
            if self._spark is None:
                if not self.settings.spark_remote:  # attaching takes no time that could be used
                    threading.Thread(target=warm_up, daemon=True).start()
                self._spark = start_session(self.settings)
            return self._spark

    def __enter__(self) -> Self:
        """Nothing is started yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the engine if we started it; of a Connect server only our sessions."""
        while self._attached:
            self._attached.pop().stop()
        if self._owns_engine and self._spark is not None:
            self._spark.stop()
            self._spark = None

    def fork(self) -> SparkSession:
        """A session of its own (settings and temporary views) on the same engine."""
        if self.settings.spark_remote:
            self._attached.append(attach(self.settings))
            return self._attached[-1]
        return self.spark.newSession()

    def job(self, name: str, request: Request) -> Job:
        """One run of a table, in a session of its own."""
        return Job(
            entry=self.registry[name],
            settings=self.settings,
            engine=TableEngine(name, self.fork),
            request=request,
            states=self.states,
            clocks=frozenset(self.registry.clocks(name)),
        )

    def due(self, names: Sequence[str]) -> list[str]:
        """The tables of a run, without those of domains for which nothing ever arrived."""
        return in_use(self.registry, self.settings, names)

    def run(
        self,
        names: Sequence[str],
        request: Request,
        notify: Callable[[Outcome], None] = lambda _: None,
    ) -> list[Outcome]:
        """Run tables, upstream first, side by side where they are independent.

        Args:
            names: Tables, as `plan.select` returns them.
            request: What was asked for.
            notify: Called with every change of a table's outcome, from several threads.

        Returns:
            One outcome a table, in the order of `names`; none for tables that are not `due`.
        """
        names = self.due(names)
        done: dict[str, Outcome] = {}
        running: dict[Future[Outcome], str] = {}
        waiting = list(names)
        with ThreadPoolExecutor(self.settings.parallelism) as pool:
            while waiting or running:
                for name in [n for n in waiting if self._is_ready(n, waiting, running.values())]:
                    waiting.remove(name)
                    blocked = self._blocked(name, done)
                    if blocked:
                        done[name] = blocked
                        notify(blocked)
                    else:
                        running[pool.submit(self.run_table, name, request, notify)] = name
                        break  # look again: what this one blocks must keep waiting
                if not running:
                    continue
                free = len(running) < self.settings.parallelism
                if free and any(self._is_ready(n, waiting, running.values()) for n in waiting):
                    continue
                finished, _pending = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    done[running.pop(future)] = future.result()
        return [done[name] for name in names]

    def preview(self, names: Sequence[str], request: Request) -> list[dict[str, Any]]:
        """What a run would do and why, from bookkeeping alone; writes nothing."""
        steps: list[dict[str, Any]] = []
        moving: set[str] = set()
        for name in self.due(names):
            step: dict[str, Any] = {"table": name, "action": "run", "reason": "", "inputs": ""}
            awaited = sorted(moving & self.registry.upstream(name))
            try:
                job = self.job(name, request)
                outlook = stages.outlook(job)
                step["reason"] = outlook.reason
                step["inputs"] = _versions(job.inputs)
                step["action"] = "skip" if outlook.idle and not awaited else "run"
            except UpstreamMissingError as error:
                step["action"] = "run" if awaited else "wait"
                step["reason"] = str(error)
            except LakehouseError as error:
                step["action"], step["reason"] = "fail", str(error)
            if awaited:
                step["reason"] = f"after {', '.join(awaited)}"
            if step["action"] == "run":
                moving.add(name)
            steps.append(step)
        return steps

    def run_stage(self, name: str, stage: str, request: Request) -> Outcome:
        """Run one stage of a table; never raises.

        Args:
            name: Table.
            stage: assert-input, process or assert-output.
            request: What was asked for.
        """
        started = datetime.now(UTC)
        clock = time.monotonic()
        progress = _Progress()
        try:
            with table_lock(self.settings, name) as token:
                self._stage(stage)(replace(self.job(name, request), token=token), progress)
        except Exception as error:  # noqa: BLE001  # reported with its exit code
            progress.fail(self._explained(error, name))
        outcome = progress.outcome(name, time.monotonic() - clock)
        ends_run = progress.error is not None or stage == "assert-output"
        return self._recorded(outcome, progress, request, started, ends_run=ends_run)

    def _explained(self, error: Exception, name: str) -> Exception:
        return engine_went_away(error) or explained(error, self.settings.table_uri(name))

    def _stage(self, stage: str) -> Callable[[Job, _Progress], object]:
        known = {
            "assert-input": self._look,
            "process": self._process,
            "assert-output": self._assert_output,
        }
        if stage not in known:
            raise ConfigError(f"unknown stage '{stage}': one of {', '.join(known)}")
        return known[stage]

    def _is_ready(self, name: str, waiting: Sequence[str], running: Any) -> bool:  # noqa: ANN401
        upstream = self.registry.upstream(name)
        return not (upstream & {*waiting, *running})

    def _blocked(self, name: str, done: dict[str, Outcome]) -> Outcome | None:
        upstream = self.registry.upstream(name)
        failed = [n for n, o in done.items() if n in upstream and o.outcome in {FAILED, BLOCKED}]
        if not failed:
            return None
        return Outcome(name, BLOCKED, reason=f"upstream failed: {', '.join(failed)}")

    def run_table(
        self, name: str, request: Request, notify: Callable[[Outcome], None] = lambda _: None
    ) -> Outcome:
        """Run the three stages of one table; never raises, the outcome says what happened."""
        started = datetime.now(UTC)
        clock = time.monotonic()
        notify(Outcome(name, RUNNING))
        progress = _Progress()
        try:
            with table_lock(self.settings, name) as token:
                job = replace(self.job(name, request), token=token)
                self._stages(job, progress, lambda: notify(progress.so_far(name)))
        except Exception as error:  # noqa: BLE001  # one table's failure must not stop the others
            progress.fail(self._explained(error, name))
        outcome = progress.outcome(name, time.monotonic() - clock)
        outcome = self._recorded(outcome, progress, request, started)
        notify(outcome)
        return outcome

    def _stages(self, job: Job, progress: _Progress, tell: Callable[[], None]) -> None:
        if not self._look(job, progress):
            return
        tell()
        self._process(job, progress)
        if progress.written:
            tell()
            self._assert_output(replace(job), progress)

    def _look(self, job: Job, progress: _Progress) -> bool:
        """Whether there is anything to do; if so, the input gate is green."""
        outlook = stages.outlook(job)
        progress.reason = outlook.reason
        progress.state = job.published
        if not outlook.idle:
            with progress.gate():
                progress.results += [("input", result) for result in stages.assert_input(job)]
        return not outlook.idle

    def _process(self, job: Job, progress: _Progress) -> None:
        if not progress.reason:  # a stage by itself; the reason is wanted most when it fails
            progress.reason = stages.outlook(job).reason
        processed = stages.process(job)
        progress.reason = processed.reason
        progress.state = processed.state
        progress.written = None if processed.skipped else processed.state

    def _assert_output(self, job: Job, progress: _Progress) -> None:
        progress.written = job.states.candidate(job.table.name)
        if progress.written:
            progress.reason = progress.written.reason
        with progress.gate():
            state, results = stages.assert_output(job)
        progress.state = state
        progress.results += [("output", result) for result in results]

    def _recorded(
        self,
        outcome: Outcome,
        progress: _Progress,
        request: Request,
        started: datetime,
        *,
        ends_run: bool = True,
    ) -> Outcome:
        """Write the outcome down; a lake that cannot even take that has failed, too."""
        try:
            self._record_checks(outcome, progress, request)
            if ends_run:
                self._record_run(outcome, request, started)
        except Exception as error:  # noqa: BLE001  # the first error is the one to report
            if outcome.error is None:
                return replace(outcome, outcome=FAILED, error=error, trace=traceback.format_exc())
        return outcome

    def _record_checks(self, outcome: Outcome, progress: _Progress, request: Request) -> None:
        now = datetime.now(UTC)
        entry = self.registry[outcome.table]
        ops.append(
            self.settings,
            "quality_results",
            [
                {
                    "run_id": request.run_id,
                    "table_name": outcome.table,
                    "gate": gate,
                    "version": progress.written.version if progress.written else None,
                    "check_name": result.check.name,
                    "sentence": result.check.sentence,
                    "severity": result.check.severity,
                    "minimum": result.check.minimum,
                    "maximum": result.check.maximum,
                    "value": result.value,
                    "passed": result.passed,
                    "samples": [stages.masked(text, entry.table) for text in result.samples],
                    "checked_at": now,
                }
                for gate, result in progress.results
            ],
        )

    def _record_run(self, outcome: Outcome, request: Request, started: datetime) -> None:
        state = outcome.state
        ops.append(
            self.settings,
            "runs",
            [
                {
                    "run_id": request.run_id,
                    "table_name": outcome.table,
                    "outcome": outcome.outcome,
                    "reason": outcome.reason,
                    "as_of": state.as_of if state else None,
                    "input_versions": _consumed(state),
                    "output_version": state.version if state else None,
                    **vars(outcome.account),
                    **{
                        f"rows_{past}": outcome.changed.get(operation, 0)
                        for operation, past in _PAST_TENSE.items()
                    },
                    "rows_after": state.rows if state else None,
                    "seconds": outcome.seconds,
                    "gate_seconds": outcome.gate_seconds,
                    "error": str(outcome.error) if outcome.error else None,
                    "started_at": started,
                    "ended_at": datetime.now(UTC),
                }
            ],
        )


_PAST_TENSE = {"insert": "inserted", "update": "updated", "delete": "deleted"}


def _consumed(state: State | None) -> str:
    return ", ".join(f"{name}@{version}" for name, version in state.inputs.items()) if state else ""


def _versions(inputs: dict[str, State]) -> str:
    return ", ".join(f"{name}@{state.version}" for name, state in inputs.items())


class _Progress:
    """What is known of a table's run so far."""

    def __init__(self) -> None:
        self.reason = ""
        self.state: State | None = None
        self.written: State | None = None
        self.results: list[tuple[str, Result]] = []
        self.gate_seconds = 0.0
        self.error: Exception | None = None
        self.trace = ""

    def gate(self) -> _Stopwatch:
        return _Stopwatch(self)

    def fail(self, error: Exception) -> None:
        self.error = error
        self.trace = traceback.format_exc()
        if isinstance(error, LakehouseError):
            gate = str(error.details.get("gate", ""))
            found = error.details.get("results")
            self.results += [(gate, result) for result in found or ()]  # type: ignore[attr-defined]  # facts are untyped

    def so_far(self, table: str) -> Outcome:
        """Still running: why, and where its rows went once they are written."""
        account = self.written.account if self.written else Account()
        return Outcome(table, RUNNING, reason=self.reason, account=account)

    def outcome(self, table: str, seconds: float) -> Outcome:
        written = self.written
        finished = UPDATED if written else UNCHANGED
        outcome = FAILED if self.error is not None else finished
        return Outcome(
            table,
            outcome,
            reason=self.reason,
            state=self.state,
            account=written.account if written else Account(),
            changed=written.changed if written else {},
            results=tuple(result for _, result in self.results),
            seconds=round(seconds, 3),
            gate_seconds=round(self.gate_seconds, 3),
            error=self.error,
            trace=self.trace,
        )


class _Stopwatch:
    def __init__(self, progress: _Progress) -> None:
        self.progress = progress

    def __enter__(self) -> None:
        self.started = time.monotonic()

    def __exit__(self, *_: object) -> None:
        self.progress.gate_seconds += time.monotonic() - self.started


def new_request(
    *,
    as_of: date | None = None,
    full_refresh: bool = False,
    run_id: str | None = None,
    day: date | None = None,
) -> Request:
    """A request made now; run ids sort by time."""
    now = datetime.now(UTC).replace(tzinfo=None)
    identity = run_id or f"{now:%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}"
    return Request(identity, now, as_of, full_refresh, day)
