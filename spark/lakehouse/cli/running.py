"""The commands that bring tables up to date and judge them."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lakehouse.catalog import dead_letters
from lakehouse.catalog.domains import absent, in_use, is_spare
from lakehouse.catalog.registry import registry
from lakehouse.catalog.sources import sources
from lakehouse.catalog.status import Status
from lakehouse.cli import console, progress, serving
from lakehouse.cli import rows as rows_of
from lakehouse.cli.absences import tell_absent, tell_undeclared
from lakehouse.cli.arguments import (
    AsJson,
    AsOf,
    Day,
    EngineName,
    FullRefresh,
    Selectors,
    TableName,
    day_of,
    new_request,
    open_lake,
)
from lakehouse.engine import plan as planning
from lakehouse.errors import LakehouseError, UpstreamMissingError, exit_code_of
from lakehouse.landing.files import listed, unclaimed
from lakehouse.settings import current_settings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lakehouse.engine.outcome import Outcome
    from lakehouse.reporting.findings import Finding


def run(
    selectors: Selectors = None,
    *,
    full_refresh: FullRefresh = False,
    as_of: AsOf = None,
    from_: Annotated[
        str | None, typer.Option("--from", help="First day of a backfill, YYYY-MM-DD.")
    ] = None,
    to: Annotated[
        str | None, typer.Option("--to", help="Last day of a backfill, YYYY-MM-DD.")
    ] = None,
    engine: EngineName = None,  # noqa: ARG001  # chosen by its callback
    as_json: AsJson = False,
) -> None:
    """Bring tables up to date, upstream first, with an input and an output gate for each."""
    names = planning.select(registry(), selectors or [])
    days = planning.backfill_days(day_of(from_, "--from"), day_of(to, "--to"), as_of)
    dates: list[date | None] = [*days] or [None]
    with open_lake() as lake:
        for day in dates:
            if len(days) > 1 and not as_json:
                console.out.rule(f"{day}")
            request = new_request(as_of, full_refresh=full_refresh, day=day)
            code = run_once(lake, names, request, as_json)
            if code:
                raise typer.Exit(code)
    planning.assert_none_left_out(registry(), selectors or [])
    tell_absent(names, dates[-1])
    tell_undeclared(in_use(registry(), current_settings(), names))
    strangers = unclaimed(current_settings().raw_uri, sources(registry(), current_settings()))
    if strangers and not as_json:
        console.err.print(
            f"ignored, as the names match no source: {listed(strangers)} (sources: "
            f"{', '.join(sorted(registry().sources))}; or map them in sources.toml)",
            markup=False,
        )


def run_once(lake: Any, names: list[str], request: Any, as_json: bool) -> int:  # noqa: ANN401, FBT001  # see open_lake
    """Run tables and say what became of them; the exit code."""
    if as_json:
        outcomes = lake.run(names, request)
        rows = [rows_of.outcome_row(each, found_in(each)) for each in outcomes]
        console.print_json(rows)
    else:
        with progress.Progress(lake.due(names, request.day)) as shown:
            outcomes = lake.run(names, request, shown.show)
    code = told(outcomes, as_json=as_json)
    updated = {each.table for each in outcomes if each.outcome is Status.UPDATED}
    rejecting = [each.name for each in dead_letters.tables(registry()) if each.name in updated]
    return max(code, *(tell_letters(lake, name, as_json=as_json) for name in rejecting), 0)


def tell_letters(lake: Any, name: str, *, as_json: bool) -> int:  # noqa: ANN401  # see open_lake
    """Bring the dead letters of a table where they belong, and say so; the exit code."""
    if not dead_letters.may_wait(lake.registry[name].table, lake.settings):
        return 0
    from lakehouse.streaming.dead_letters import bring  # noqa: PLC0415  # only where some wait

    try:
        outcomes = bring(lake, name)
    except LakehouseError as error:
        console.print_error(error)
        return exit_code_of(error)
    for outcome in outcomes:
        if outcome.error is None and not as_json:
            n = outcome.account.rows_loaded
            console.err.print(f"{outcome.table}: {n:,} dead letter{'s'[: n != 1]}", highlight=False)
    return told(outcomes, as_json=as_json)


def told(outcomes: Iterable[Outcome], *, as_json: bool) -> int:
    """Say what went wrong in a run, and publish what it made; the exit code."""
    outcomes = list(outcomes)
    for outcome in outcomes:
        if outcome.error is not None:
            console.print_error(outcome.error, outcome.trace)
        if not as_json:
            progress.print_findings(found_in(outcome))
    updated = [outcome.table for outcome in outcomes if outcome.outcome is Status.UPDATED]
    not_served = serving.publish_audited(updated)
    if not_served is not None:
        console.print_error(not_served)
    codes = (int(outcome.exit_code) for outcome in outcomes)
    return max((*codes, exit_code_of(not_served)))


def found_in(outcome: Outcome) -> list[Finding]:
    """What the gates of a table found wrong."""
    if all(result.passed for result in outcome.results):
        return []
    from lakehouse.reporting.findings import findings  # noqa: PLC0415  # deltalake

    return findings(registry(), current_settings(), outcome)


def plan(
    selectors: Selectors = None,
    *,
    full_refresh: FullRefresh = False,
    as_of: AsOf = None,
    day: Day = None,
    as_json: AsJson = False,
) -> None:
    """Show what would run and why, without changing anything."""
    names = planning.select(registry(), selectors or [])
    request = new_request(as_of, full_refresh=full_refresh, day=day_of(day, "--day"))
    steps = planning.preview(open_lake(), names, request)
    if as_json:
        console.print_json(steps)
    else:
        console.print_rows(steps)


def check(table: TableName, *, as_json: AsJson = False) -> None:
    """Run a table's output gate on its published version; exit with 65 if it is red."""
    from lakehouse.engine import stages  # noqa: PLC0415  # 0.5 s of pyspark

    with open_lake() as lake:
        job = lake.job(table, new_request(None, full_refresh=False))
        if job.published is None:
            raise UpstreamMissingError(f"{table} was never published; run `lakehouse run +{table}`")
        results = stages.audit(job, job.published, whole=True)
    rows = [rows_of.result_row(result) for result in results]
    console.print_json(rows) if as_json else console.print_rows(rows)
    raise typer.Exit(65 if any(result.is_red for result in results) else 0)


def stage(
    table: TableName,
    name: Annotated[str, typer.Argument(help="assert-input, process or assert-output.")],
    *,
    full_refresh: FullRefresh = False,
    as_of: AsOf = None,
    day: Day = None,
    run_id: Annotated[str | None, typer.Option(help="Run id shared by the three stages.")] = None,
    engine: EngineName = None,  # noqa: ARG001  # chosen by its callback
    as_json: AsJson = False,
) -> None:
    """Run one stage of a table, for orchestrators; the log goes to standard error."""
    request = new_request(as_of, full_refresh=full_refresh, run_id=run_id, day=day_of(day, "--day"))
    if is_spare(registry(), current_settings(), table):
        console.err.print(f"{table}: no files of its domain ever arrived; nothing to do")
        if as_json:
            console.print_json({"table": table, "outcome": Status.SPARE})
        return
    if absent(registry(), current_settings(), [table], request.day):
        tell_absent([table], request.day)
        if as_json:
            nothing = {"version": None, "as_of": None, "rows": 0}
            console.print_json({"table": table, "outcome": Status.ABSENT} | nothing)
        return
    tell_undeclared([table])
    with open_lake() as lake:
        outcome = lake.run_stage(table, name, request)
    found = found_in(outcome)
    progress.print_outcome(outcome, name, found)
    if name == "assert-output" and not outcome.exit_code:
        not_served = serving.publish_audited([table])
        if not_served is not None:  # the table is as it should be; `publish` tries again
            console.print_error(not_served)
    if as_json:
        console.print_json(rows_of.outcome_row(outcome, found))
    raise typer.Exit(outcome.exit_code)


def verify(
    table: TableName,
    *,
    engine: EngineName = None,  # noqa: ARG001  # chosen by its callback
    as_json: AsJson = False,
) -> None:
    """Compare a table with a full rebuild; exit with 65 if they differ."""
    from lakehouse.engine.verify import verify as compare  # noqa: PLC0415  # 0.5 s of pyspark

    with open_lake() as lake:
        verdict = compare(lake.job(table, new_request(None, full_refresh=False)))
    if as_json:
        console.print_json(vars(verdict) | {"is_equal": verdict.is_equal})
    else:
        console.out.print(verdict.sentence, markup=False, highlight=False, soft_wrap=True)
        for sample in verdict.samples:
            console.out.print(f"  {sample}", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(0 if verdict.is_equal else 65)


def maintain(
    selectors: Selectors = None,
    *,
    engine: EngineName = None,  # noqa: ARG001  # chosen by its callback
    as_json: AsJson = False,
) -> None:
    """Compact tables and delete versions past their retention; by default ops tables, too."""
    from lakehouse.engine import maintenance  # noqa: PLC0415  # 0.5 s of pyspark

    names = planning.select(registry(), selectors or [])
    with open_lake() as lake:
        upkeep = maintenance.maintain(lake, names, with_ops=not selectors)
    rows = [each.row for each in upkeep]
    console.print_json(rows) if as_json else console.print_rows(rows)
    for each in upkeep:
        if each.error is not None:
            console.print_error(each.error, each.trace)
    raise typer.Exit(max((each.exit_code for each in upkeep), default=0))
