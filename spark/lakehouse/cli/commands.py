"""The `lakehouse` command. Each command is a few lines over the engine."""

from __future__ import annotations

import os
import sys
import traceback
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from lakehouse.catalog import views
from lakehouse.catalog.domains import absent, in_use, is_spare
from lakehouse.catalog.registry import registry
from lakehouse.catalog.sources import sources
from lakehouse.catalog.status import Status
from lakehouse.cli import console, serving
from lakehouse.cli import rows as rows_of
from lakehouse.cli.absences import tell_absent
from lakehouse.cli.dashboards import dashboards_app
from lakehouse.cli.mappings import map_app
from lakehouse.engine import plan as planning
from lakehouse.engines.choice import prepare
from lakehouse.engines.ports import LOOPBACK
from lakehouse.errors import (
    EXIT_BUG,
    ConfigError,
    EngineError,
    LakehouseError,
    UpstreamMissingError,
    exit_code_of,
)
from lakehouse.landing.files import listed, unclaimed
from lakehouse.observability import alerts
from lakehouse.observability.alerts import Severity
from lakehouse.settings import current_settings

app = typer.Typer(
    help="An open lakehouse for product and web analytics.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
quarantine_app = typer.Typer(help="Rows that broke a rule: look at them, judge them again.")
engine_app = typer.Typer(help="The shared engine: one warm Spark that many short tasks attach to.")
app.add_typer(engine_app, name="engine", no_args_is_help=True)
app.add_typer(quarantine_app, name="quarantine", no_args_is_help=True)
app.add_typer(serving.database_app, name="database", no_args_is_help=True)
app.command()(serving.publish)
app.add_typer(map_app, name="map", no_args_is_help=True)
app.add_typer(dashboards_app, name="dashboards", no_args_is_help=True)

Selectors = Annotated[
    list[str] | None,
    typer.Argument(
        help="Tables (gold.x), layers (silver), +gold.x (with upstream), silver.y+ (with "
        "downstream). None = all."
    ),
]
TableName = Annotated[str, typer.Argument(help="A table, e.g. silver.feature_states.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
AsOf = Annotated[
    str | None, typer.Option(help="As-of date, YYYY-MM-DD; default: the newest event date.")
]
Day = Annotated[
    str | None, typer.Option(help="The run of this day, YYYY-MM-DD: files dated later wait.")
]


def _choose_engine(name: str | None) -> str | None:
    """Put the engine into the settings of this process, before anything reads them."""
    if name is not None:
        os.environ["LAKEHOUSE_ENGINE"] = name
        current_settings.cache_clear()
        prepare(current_settings())
    return name


EngineName = Annotated[
    str | None,
    typer.Option("--engine", callback=_choose_engine, help="spark or duckdb, for this command."),
]
FullRefresh = Annotated[bool, typer.Option(help="Recompute everything from the inputs.")]


def _date(text: str | None, option: str) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"{option} {text}: not a date; write YYYY-MM-DD") from None


def _request(
    as_of: str | None,
    *,
    full_refresh: bool,
    run_id: str | None = None,
    day: date | None = None,
) -> Any:  # noqa: ANN401  # imported lazily
    from lakehouse.engine.job import new_request  # noqa: PLC0415  # 0.5 s of pyspark

    return new_request(
        as_of=_date(as_of, "--as-of"), full_refresh=full_refresh, run_id=run_id, day=day
    )


def _lake() -> Any:  # noqa: ANN401  # imported lazily
    from lakehouse.engine.lake import Lake  # noqa: PLC0415  # 0.5 s of pyspark

    return Lake(current_settings(), registry())


@app.command()
def run(
    selectors: Selectors = None,
    *,
    full_refresh: FullRefresh = False,
    as_of: AsOf = None,
    from_: Annotated[
        str | None, typer.Option("--from", help="Backfill, day by day: first day, YYYY-MM-DD.")
    ] = None,
    to: Annotated[str | None, typer.Option("--to", help="Backfill: last day, YYYY-MM-DD.")] = None,
    engine: EngineName = None,  # noqa: ARG001  # chosen by its callback
    as_json: AsJson = False,
) -> None:
    """Bring tables up to date, upstream first, each behind its gates."""
    names = planning.select(registry(), selectors or [])
    days = planning.backfill_days(_date(from_, "--from"), _date(to, "--to"), as_of)
    dates: list[date | None] = [*days] or [None]
    with _lake() as lake:
        for day in dates:
            if len(days) > 1 and not as_json:
                console.out.rule(f"{day}")
            request = _request(as_of, full_refresh=full_refresh, day=day)
            code = _run_once(lake, names, request, as_json)
            if code:
                raise typer.Exit(code)
    tell_absent(names, dates[-1])
    strangers = unclaimed(current_settings().raw_uri, sources(registry(), current_settings()))
    if strangers and not as_json:
        console.err.print(
            f"not read, as no source has the name: {listed(strangers)} "
            f"(sources: {', '.join(sorted(registry().sources))})",
            markup=False,
        )


def _run_once(lake: Any, names: list[str], request: Any, as_json: bool) -> int:  # noqa: ANN401, FBT001  # see _lake
    if as_json:
        outcomes = lake.run(names, request)
        console.print_json([rows_of.outcome_row(outcome) for outcome in outcomes])
    else:
        with console.Progress(lake.due(names, request.day)) as progress:
            outcomes = lake.run(names, request, progress.show)
    for outcome in outcomes:
        if outcome.error is not None:
            console.print_error(outcome.error, outcome.trace)
    updated = [outcome.table for outcome in outcomes if outcome.outcome is Status.UPDATED]
    not_served = serving.publish_audited(updated)
    if not_served is not None:
        console.print_error(not_served)
    codes = (int(outcome.exit_code) for outcome in outcomes)
    return max((*codes, exit_code_of(not_served)))


@app.command()
def plan(
    selectors: Selectors = None,
    *,
    full_refresh: FullRefresh = False,
    as_of: AsOf = None,
    day: Day = None,
    as_json: AsJson = False,
) -> None:
    """Say what would run and why; touches nothing."""
    names = planning.select(registry(), selectors or [])
    request = _request(as_of, full_refresh=full_refresh, day=_date(day, "--day"))
    steps = planning.preview(_lake(), names, request)
    if as_json:
        console.print_json(steps)
    else:
        console.print_rows(steps)


@app.command()
def check(table: TableName, *, as_json: AsJson = False) -> None:
    """Run a table's output gate on its published version."""
    from lakehouse.engine import stages  # noqa: PLC0415  # 0.5 s of pyspark

    with _lake() as lake:
        job = lake.job(table, _request(None, full_refresh=False))
        if job.published is None:
            raise UpstreamMissingError(f"{table} was never published; run `lakehouse run +{table}`")
        results = stages.audit(job, job.published, whole=True)
    rows = [rows_of.result_row(result) for result in results]
    console.print_json(rows) if as_json else console.print_rows(rows)
    raise typer.Exit(65 if any(result.is_red for result in results) else 0)


@app.command()
def stage(
    table: TableName,
    name: Annotated[str, typer.Argument(help="assert-input, process or assert-output.")],
    *,
    full_refresh: FullRefresh = False,
    as_of: AsOf = None,
    day: Day = None,
    run_id: Annotated[str | None, typer.Option(help="Identity shared by the three stages.")] = None,
    engine: EngineName = None,  # noqa: ARG001  # chosen by its callback
    as_json: AsJson = False,
) -> None:
    """Run one stage of a table, for orchestrators; the story goes to standard error."""
    request = _request(as_of, full_refresh=full_refresh, run_id=run_id, day=_date(day, "--day"))
    if is_spare(registry(), current_settings(), table):
        console.err.print(f"{table}: nothing of its domain ever arrived, so there is nothing to do")
        if as_json:
            console.print_json({"table": table, "outcome": Status.SPARE})
        return
    if absent(registry(), current_settings(), [table], request.day):
        tell_absent([table], request.day)
        if as_json:
            nothing = {"version": None, "as_of": None, "rows": 0}
            console.print_json({"table": table, "outcome": Status.ABSENT} | nothing)
        return
    with _lake() as lake:
        outcome = lake.run_stage(table, name, request)
    console.print_outcome(outcome, name)
    if name == "assert-output" and not outcome.exit_code:
        not_served = serving.publish_audited([table])
        if not_served is not None:  # the table is as it should be; `publish` tries again
            console.print_error(not_served)
    if as_json:
        console.print_json(rows_of.outcome_row(outcome))
    raise typer.Exit(outcome.exit_code)


@app.command()
def tables(*, as_json: AsJson = False) -> None:
    """List the tables and what is published of them."""
    rows = views.overview(registry(), current_settings())
    console.print_json(rows) if as_json else console.print_rows(rows)


@app.command()
def show(
    table: TableName,
    *,
    n: Annotated[int, typer.Option("-n", min=0, help="Rows to print.")] = 20,
    version: Annotated[int | None, typer.Option(help="A version other than published.")] = None,
    history: Annotated[bool, typer.Option(help="List the commits instead.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print rows of a table, or its history; needs no engine."""
    rows = views.peek(registry()[table].table, current_settings(), n, version, history=history)
    console.print_json(rows) if as_json else console.print_rows(rows)


@app.command()
def runs(
    *,
    n: Annotated[int, typer.Option("-n", min=1, help="Table runs to list.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List the latest table runs."""
    from lakehouse.io import ops  # noqa: PLC0415  # deltalake, only where needed

    rows = ops.read(
        current_settings(), "runs", f"SELECT * FROM t ORDER BY started_at DESC LIMIT {n}"
    )
    if as_json:
        console.print_json(rows)
        return
    brief = (
        *("run_id", "table_name", "outcome", "rows_in", "rows_loaded", "rows_quarantined"),
        *("rows_deduplicated", "seconds", "output_version", "reason", "error"),
    )
    console.print_rows([{key: row[key] for key in brief} for row in rows], empty="no runs yet")


@app.command()
def restatements(
    table: Annotated[str | None, typer.Argument(help="A table; none = all.")] = None,
    *,
    n: Annotated[int, typer.Option("-n", min=1, help="Rows to print.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List the latest changes of figures that were final: what, from what, to what, and why."""
    from lakehouse.io import ops  # noqa: PLC0415  # deltalake, only where needed

    chosen = f"WHERE table_name = '{registry()[table].table.name}'" if table else ""
    rows = ops.read(
        current_settings(),
        "metric_restatements",
        f"SELECT * FROM t {chosen} ORDER BY restated_at DESC, key LIMIT {n}",
    )
    if as_json:
        console.print_json(rows)
        return
    brief = ("restated_at", "table_name", "key", "old", "new", "cause")
    console.print_rows(
        [{key: row[key] for key in brief} for row in rows], empty="nothing was restated"
    )


@quarantine_app.command("list")
def quarantine_list(*, as_json: AsJson = False) -> None:
    """Count rejected rows by table, file and rule."""
    rows = views.quarantined(registry(), current_settings())
    console.print_json(rows) if as_json else console.print_rows(rows, empty="quarantine is empty")


@quarantine_app.command("show")
def quarantine_show(
    table: TableName,
    *,
    n: Annotated[int, typer.Option("-n", min=1, help="Rows to print.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Print rejected rows as they landed."""
    rows = views.rejected(registry()[table].table, current_settings(), n)
    console.print_json(rows) if as_json else console.print_rows(rows, empty="quarantine is empty")


@quarantine_app.command("replay")
def quarantine_replay(table: TableName, *, as_json: AsJson = False) -> None:
    """Judge rejected rows again by today's rules and load those that pass."""
    if registry()[table].table.source is None:
        raise ConfigError(f"{table} has no quarantine: only bronze tables reject rows")
    before = len(views.rejected(registry()[table].table, current_settings(), None))
    with _lake() as lake:
        code = _run_once(lake, [table], _request(None, full_refresh=True), as_json)
    after = len(views.rejected(registry()[table].table, current_settings(), None))
    console.err.print(f"{before} rows were in quarantine, {after} are now")
    raise typer.Exit(code)


@engine_app.command("start")
def engine_start(
    *,
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 only inside a private network.")
    ] = LOOPBACK,
) -> None:
    """Run it in the foreground and keep it healthy; a signal ends it.

    Tasks use it when LAKEHOUSE_SPARK_REMOTE=sc://127.0.0.1:15002 (or the port chosen there).
    """
    from lakehouse.engines.spark.server import serve  # noqa: PLC0415  # 0.5 s of pyspark

    serve(current_settings(), host, lambda text: console.err.print(text, markup=False))


@engine_app.command("status")
def engine_status() -> None:
    """Ask it a trivial query; exits with 75 when it does not answer."""
    from lakehouse.engines.spark import server  # noqa: PLC0415  # 0.5 s of pyspark

    settings = current_settings()
    url = settings.spark_remote or f"sc://{LOOPBACK}:{server.local_port(settings)}"
    if not server.answers(url, server.PROBE_SECONDS):
        raise EngineError(f"{url} does not answer; `lakehouse engine start` starts one here")
    console.out.print(f"{url} answers")


@app.command()
def verify(
    table: TableName,
    *,
    engine: EngineName = None,  # noqa: ARG001  # chosen by its callback
    as_json: AsJson = False,
) -> None:
    """Compare a table with a full rebuild; exits with 65 when they differ."""
    from lakehouse.engine.verify import verify as compare  # noqa: PLC0415  # 0.5 s of pyspark

    with _lake() as lake:
        verdict = compare(lake.job(table, _request(None, full_refresh=False)))
    console.print_json(verdict) if as_json else console.print_rows([vars(verdict)])
    raise typer.Exit(0 if verdict.is_equal else 65)


@app.command()
def report(
    eventlog: Annotated[
        list[Path] | None,
        typer.Argument(
            help="An event log of Spark, or a folder of logs (then the newest). Two are compared."
        ),
    ] = None,
    *,
    html: Annotated[Path | None, typer.Option(help="Write a page about the log here.")] = None,
    as_json: AsJson = False,
) -> None:
    """Write <root>/report.html and say what the marts tell; or, of an event log, where time went.

    A run writes one into the folder that LAKEHOUSE_EVENT_LOG names.
    """
    if eventlog:
        _report_logs(eventlog, html, as_json)
        return
    if html or as_json:
        raise ConfigError("--html and --json are about an event log; name one")
    from lakehouse.reporting.report import answers, write_report  # noqa: PLC0415  # jinja2

    settings = current_settings()
    for line in answers(settings):
        console.out.print(line, markup=False)
    console.out.print(f"Pictures and figures: {write_report(settings, registry())}")
    console.out.print("Tables: `lakehouse tables`. Rows: `lakehouse show TABLE`. Rejected rows:")
    console.out.print("`lakehouse quarantine list`. Runs: `lakehouse runs`.")


def _report_logs(paths: list[Path], html: Path | None, as_json: bool) -> None:  # noqa: FBT001  # an option's value
    from lakehouse.reporting import spark_page  # noqa: PLC0415  # jinja2

    found = spark_page.describe(paths)
    for line in found.notes:
        console.err.print(line, markup=False)
    if html:
        html.write_text(found.html, encoding="utf-8")
        console.err.print(f"wrote {html}", markup=False)
    if as_json:
        console.print_json(found.data)
    elif not html:
        for line in found.lead:
            console.out.print(line, markup=False, highlight=False)
        for answer in found.answers:
            console.print_cell(answer)
        for title, grid in found.tables:
            console.print_grid(grid, title)


@app.command()
def docs(
    *,
    output: Annotated[Path | None, typer.Option(help="Folder; default <root>/docs.")] = None,
) -> None:
    """Write the catalogue of tables, columns, checks and lineage from the specs."""
    from lakehouse.reporting.catalogue import (  # noqa: PLC0415  # jinja2, only here
        write_catalogue,
        write_markdown,
    )
    from lakehouse.reporting.guide import write_guide  # noqa: PLC0415  # same

    folder = output or Path(current_settings().root_uri) / "docs"
    console.out.print(f"wrote {write_markdown(registry())}")
    console.out.print(f"wrote {write_guide(registry())}")
    console.out.print(f"wrote {len(write_catalogue(registry(), folder))} files to {folder}")


@app.command("data-docs")
def data_docs() -> None:
    """Write Great Expectations' pages of every suite and of its latest results."""
    from lakehouse.reporting.data_docs import write_data_docs  # noqa: PLC0415  # GX takes seconds

    console.out.print(f"wrote {write_data_docs(current_settings(), registry())}")


@app.command()
def manifest(
    *,
    output: Annotated[Path, typer.Option(help="Where to write it; - prints it.")] = Path(
        "airflow/manifest.json"
    ),
) -> None:
    """Write the graph of tables for orchestrators."""
    from lakehouse.catalog.manifest import manifest_text  # noqa: PLC0415  # only where needed

    text = manifest_text(registry())
    if str(output) == "-":
        console.out.file.write(text)
        return
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(text, encoding="utf-8")
    console.out.print(f"wrote {output}")


@app.command()
def jars(
    *, s3: Annotated[bool, typer.Option("--s3", help="Also those for lakes on s3a://.")] = False
) -> None:
    """Resolve the engine's jars into the local cache and archive their classes, once."""
    from lakehouse.engines.spark import archive  # noqa: PLC0415  # imports pyspark
    from lakehouse.engines.spark.jars import COORDINATES, DELTA, resolve  # noqa: PLC0415  # imports pyspark

    for path in resolve(COORDINATES if s3 else DELTA):
        console.out.print(path.name)
    if not archive.build():
        console.out.print("no class archive: this Java cannot make one; every start takes longer")


@app.command()
def freshness(selectors: Selectors = None, *, as_json: AsJson = False) -> None:
    """Say how fresh each table is; exits with 75 when one is stale, behind or was never there."""
    from lakehouse.catalog.freshness import (  # noqa: PLC0415  # deltalake, only where needed
        assert_fresh,
        freshness,
    )

    names = in_use(registry(), current_settings(), planning.select(registry(), selectors or []))
    found = freshness(registry(), current_settings(), names)
    rows = [vars(each) for each in found]
    console.print_json(rows) if as_json else console.print_rows(rows)
    assert_fresh(found)


@app.command()
def maintain(
    selectors: Selectors = None,
    *,
    engine: EngineName = None,  # noqa: ARG001  # chosen by its callback
    as_json: AsJson = False,
) -> None:
    """Compact tables and remove versions beyond their retention; without selectors ops, too."""
    from lakehouse.engine import maintenance  # noqa: PLC0415  # 0.5 s of pyspark

    names = planning.select(registry(), selectors or [])
    with _lake() as lake:
        upkeep = maintenance.maintain(lake, names, with_ops=not selectors)
    rows = [each.row for each in upkeep]
    console.print_json(rows) if as_json else console.print_rows(rows)
    for each in upkeep:
        if each.error is not None:
            console.print_error(each.error, each.trace)
    raise typer.Exit(max((each.exit_code for each in upkeep), default=0))


@app.command()
def alert(
    title: Annotated[str, typer.Argument(help="One line.")],
    *,
    body: Annotated[str, typer.Option(help="The rest.")] = "",
    severity: Annotated[Severity, typer.Option(help="How much it matters.")] = Severity.WARNING,
) -> None:
    """Send a message to every destination in LAKEHOUSE_ALERT_URLS."""
    reached = alerts.send(current_settings(), alerts.Alert(title, body, severity))
    if not reached:
        console.out.print(f"{severity}: {title}", body, sep="\n", markup=False)
        console.err.print("sent to nobody: set LAKEHOUSE_ALERT_URLS (see .env.example)")
    else:
        console.out.print(f"sent to {', '.join(reached)}", markup=False)


@app.command()
def doctor(*, as_json: AsJson = False) -> None:
    """Check what the lakehouse needs, and print the command that mends each problem."""
    from lakehouse.engines.doctor import diagnose  # noqa: PLC0415  # psutil

    rows = diagnose(current_settings())
    console.print_json(rows) if as_json else console.print_rows(rows)
    raise typer.Exit(78 if any(row["state"] == "bad" for row in rows) else 0)


def main() -> None:
    """Run the command; errors become one line and an exit code."""
    try:
        prepare(current_settings())
        app()
    except LakehouseError as error:
        console.print_error(error)
        sys.exit(error.exit_code)
    except Exception as error:  # noqa: BLE001  # the last line of defence
        console.print_error(error, traceback.format_exc())
        sys.exit(EXIT_BUG)
