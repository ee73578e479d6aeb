"""Bronze: new landing files → rows of the table, every record accounted for."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from lakehouse.engine.identities import PLACE, SHORT, Identities, first_of_each
from lakehouse.engine.labels import labelled
from lakehouse.engine.relanded import as_landed
from lakehouse.engine.write import Written, conform, written_differences, written_rows
from lakehouse.errors import SchemaMismatchError
from lakehouse.io import delta_log
from lakehouse.io.fault_points import fault_point
from lakehouse.io.state import Account
from lakehouse.landing.reader import parts_of
from lakehouse.landing.reader.dialect import Header
from lakehouse.landing.reader.mapped import LEFT_OUT, view_of
from lakehouse.quality import quarantine
from lakehouse.spec import Append
from lakehouse.spec.changes import INSERT
from lakehouse.spec.columns import TECHNICAL_COLUMNS
from lakehouse.spec.mapping import steps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import Column, DataFrame

    from lakehouse.engine.job import Job
    from lakehouse.landing.feed import Arrivals, Landed
    from lakehouse.spec import Source, Table

TECHNICAL = tuple(column.name for column in TECHNICAL_COLUMNS)


def source_of(job: Job) -> Source:
    """The landing source of a bronze job."""
    source = job.source
    if source is None:
        message = f"{job.table.name} is not fed from landing files"
        raise TypeError(message)
    return source


def check_headers(job: Job, arrivals: Arrivals) -> None:
    """What arrived can be read, and required fields are in the header of every CSV file.

    Raises:
        InputQualityError: A file is truncated.
        SchemaMismatchError: Names the file, what is missing and what was found.
    """
    source = source_of(job)
    for each in arrivals.files(whole=True):
        if each.known is not None or not each.content.header:
            continue  # consumed as it is, or without a header
        header = Header.of(each.content.header, each.content.delimiter)
        missing = missing_of(header, source, each.path)
        if missing or header.repeated:
            twice = f"has {', '.join(header.repeated)} twice"
            problem = f"lacks {', '.join(missing)}" if missing else twice
            remedy = "deliver it again with the declared columns"
            if source.mapping_of(each.path):
                remedy = "say in its mapping which column it is"
            elif missing:
                remedy += f", or map them (`lakehouse map guess {each.path}`)"
            has = ", ".join(header.names)
            message = f"landing file {each.path} {problem} (its columns: {has}); {remedy}"
            raise SchemaMismatchError(
                message, path=each.path, missing=missing, found=list(header.names)
            )


def missing_of(header: Header, source: Source, path: str) -> list[str]:
    """Required fields for which a file has no column, directly or by its mapping."""
    mapping = source.mapping_of(path)
    if mapping is None:
        places = header.places(source.fields)
        return [name for name in source.required if name not in places]
    places = header.places(view_of(mapping).fields)
    return [
        name
        for name, takes in mapping.fields
        if name in source.required
        and not any(
            take.constant is not None or any(steps(path)[0].name in places for path in take.paths)
            for take in takes
        )
    ]


@labelled("ingest")
def ingest(job: Job, arrivals: Arrivals, position: str, *, whole: bool) -> Written:
    """Write the good rows to the table and the others to quarantine.

    Args:
        job: The run.
        arrivals: What there is of the feed.
        position: What will be consumed by then, for the commit.
        whole: Compare the whole table with everything there is, instead of adding what is new.
    """
    fault_point("before_read", job.table.name)
    landed = arrivals.files(whole=whole)
    present = [*(each.path for each in landed), *arrivals.withdrawn]
    held = None if job.fills else job.engine.store.read(job.uri, job.base)
    # Reading is the dear part: kept once, for the counts, the table and the quarantine.
    records, others = _records(job, landed, present if whole else None), None
    if (replayed := _replayed(job, landed, whole=whole)) is not None:
        again, others = replayed
        records = records.unionByName(again)
    with job.engine.kept_meanwhile(records) as records:
        rows, bad = _good_rows(job, records), records.filter(_is_bad())
        found = Identities.of(job.engine, rows, bad=bad, earliest=_earliest(job.table))
        may_leave_out = source_of(job).mappings or source_of(job).topic
        is_judged_again = found.bad and (whole or others is not None)
        n_again = _rejected_again(job, bad, present) if is_judged_again else 0
        left_out = records.filter(LEFT_OUT).count() if may_leave_out else 0
        rows = job.engine.planned(_each_once, rows, found.repeated, about=job.table)
        fault_point("before_write", job.table.name)
        if whole:
            written = _reconciled(
                job, rows, found.distinct, held, present=present, position=position
            )
            loaded = found.distinct
        else:
            written = _added(job, rows, found.distinct, held, position)
            loaded = written.changed.get(INSERT, 0)
        fault_point("between_quarantine_and_table", job.table.name)
        with job.engine.doing("quarantine"):
            quarantine.put(
                job.engine.store,
                quarantine.uri(job.settings, job.table.name),
                bad if found.bad else None,
                files=None if whole or others is not None else [each.path for each in landed],
                run=job.run,
                kept=None if others is None or others.isEmpty() else others,
            )
    account = Account(
        rows_in=found.rows + left_out,
        rows_quarantined=found.bad,
        rows_loaded=loaded,
        rows_deduplicated=found.rows - found.bad - loaded,
        rows_left_out=left_out,
        rows_rejected_again=n_again,
    )
    return replace(written, account=account)


def _replayed(
    job: Job, landed: Sequence[Landed], *, whole: bool
) -> tuple[DataFrame, DataFrame] | None:
    """Rejects that are judged again because somebody asked, and the others; None without."""
    if whole or job.request.replays is None:
        return None
    where, paths = quarantine.uri(job.settings, job.table.name), [each.path for each in landed]
    found = quarantine.split(job.engine.store, where, job.request.replays, but_not_from=paths)
    if found is None:
        return None
    source, longest = source_of(job), job.settings.max_line_bytes
    return job.engine.rejudged(found[0], source, longest), found[1]


def _rejected_again(job: Job, bad: DataFrame, present: Sequence[str]) -> int:
    """Rejects of what is not there any more; none where nothing was rejected before."""
    if delta_log.latest_version(quarantine.uri(job.settings, job.table.name)) is None:
        return 0
    return bad.filter(~F.col("_source_file").isin([*present])).count()


def _is_bad() -> Column:
    return F.size(quarantine.REASONS) > 0


def _records(job: Job, landed: Sequence[Landed], present: Sequence[str] | None) -> DataFrame:
    """Every record of the files, judged; and of the quarantine, but not from what is present."""
    source, longest = source_of(job), job.settings.max_line_bytes
    records = job.engine.landed(parts_of(landed), source, longest)
    if present is None:
        return records
    where = quarantine.uri(job.settings, job.table.name)
    held = quarantine.held(job.engine.store, where, but_not_from=present)
    if held is not None:
        records = records.unionByName(job.engine.rejudged(held, source, longest))
    if (old := _before_migration(job)) is not None:
        of_gone = old.filter(~F.col("_source_file").isin([*present]))
        plain = replace(source, mappings=())  # the rows of a table have its names already
        told = as_landed(of_gone, job.table, plain)
        records = records.unionByName(job.engine.rejudged(told, plain, longest))
    return records


def _before_migration(job: Job) -> DataFrame | None:
    """The rows of a table whose columns change, as readers see them; None in any other run."""
    if not job.request.migrate or job.published is None:
        return None
    return job.engine.store.read(job.uri, job.published.version)


def _good_rows(job: Job, records: DataFrame) -> DataFrame:
    """The good rows with the columns of the table and their place, repeats among them."""
    good = records.filter(~_is_bad() & ~F.col(LEFT_OUT)).drop(LEFT_OUT)
    rows = job.entry.transform(good, job.run)
    return rows.select(*(column.name for column in job.table.columns), *TECHNICAL, PLACE, SHORT)


def _each_once(table: Table, rows: DataFrame, repeated: DataFrame | None) -> DataFrame:
    """The rows of the table that were told, without repeats."""
    return conform(first_of_each(rows, repeated).drop(PLACE, SHORT), table)


def _earliest(table: Table) -> str:
    return table.write.earliest if isinstance(table.write, Append) else ""


def _added(job: Job, rows: DataFrame, n: int, held: DataFrame | None, position: str) -> Written:
    """Add the rows that the table does not have; of the others the earlier day counts."""
    new = _not_held(job, rows, n, held)
    day = _earliest(job.table)
    if held is None or not day:
        return written_rows(job, new, position)
    known = held.join(job.engine.few(rows.select("_row_id"), n), "_row_id", "left_semi")
    told = rows.join(known.select("_row_id", F.col(day).alias("_held")), "_row_id")
    is_earlier = F.col(day) < F.coalesce("_held", F.lit(date.max))
    earlier = told.filter(is_earlier).select(*rows.columns)
    current = known.join(earlier.select("_row_id"), "_row_id", "left_semi")
    return written_differences(job, current, new.unionByName(earlier), position)


def _not_held(job: Job, rows: DataFrame, n: int, held: DataFrame | None) -> DataFrame:
    """The rows that the table does not have: it is looked through, as only they are few."""
    if held is None:
        return rows
    ids = job.engine.few(rows.select("_row_id"), n)
    known = job.engine.few(job.engine.planned(_ids_among, held, ids, about=None), n)
    return job.engine.planned(_not_among, rows, known, about=None)


def _ids_among(_: None, held: DataFrame, ids: DataFrame) -> DataFrame:
    return held.select("_row_id").join(ids, "_row_id", "left_semi")


def _not_among(_: None, rows: DataFrame, known: DataFrame) -> DataFrame:
    return rows.join(known, "_row_id", "left_anti").select(*rows.columns)


def _reconciled(  # noqa: PLR0913  # what to write, over what, and what it is made from
    job: Job,
    rows: DataFrame,
    n: int,
    held: DataFrame | None,
    *,
    present: Sequence[str],
    position: str,
) -> Written:
    """Make the table equal to the files; rows of files that are gone stay.

    In a migration these are among the rows: they were judged again.
    """
    old = _before_migration(job)
    if held is None:
        rows = rows if old is None else _as_first_told(rows, old, job.table)
        laid_out = job.engine.by_day(rows, job.table, rows, job.table.day, n)
        return written_rows(job, laid_out, position)
    if old is not None:
        return written_differences(job, held, rows, position)
    desired = _with_rows_of_gone_files(rows, held, present, _earliest(job.table))
    return written_differences(job, held, desired, position)


def _as_first_told(rows: DataFrame, old: DataFrame, table: Table) -> DataFrame:
    """Rows with what does not count as a difference as the old version of the table has it."""
    names = [c.name for c in table.columns if not c.compared and c.name in old.columns]
    told = old.select("_row_id", *(F.col(name).alias(f"_old_{name}") for name in names))
    found = rows.join(told, "_row_id", "left")
    kept = {name: F.coalesce(F.col(f"_old_{name}"), F.col(name)) for name in names}
    return found.withColumns(kept).select(*rows.columns) if kept else rows


def _with_rows_of_gone_files(
    rows: DataFrame, current: DataFrame, present: Sequence[str], day: str
) -> DataFrame:
    gone = current.filter(~F.col("_source_file").isin([*present]))
    kept = gone.join(rows.select("_row_id"), "_row_id", "left_anti")
    if day:  # a file that is gone may have told a row first
        rows = _with_earlier(rows, gone.select("_row_id", F.col(day).alias("_other")), day)
    return rows.unionByName(kept.select(*rows.columns))


def _with_earlier(rows: DataFrame, others: DataFrame, day: str) -> DataFrame:
    """Rows with the earlier of their own day and that of others of their identity, `_other`."""
    found = rows.join(others, "_row_id", "left").withColumn(day, F.least(day, "_other"))
    return found.select(*rows.columns)


def desired_from_files(job: Job, current: DataFrame, arrivals: Arrivals) -> DataFrame:
    """What the table should hold: the good rows of what was taken, and of files that are gone."""
    present = [*(each.path for each in arrivals.taken), *arrivals.withdrawn]
    records = _records(job, arrivals.taken, present)
    told, day = _good_rows(job, records).drop(PLACE, SHORT), _earliest(job.table)
    rows = conform(told.dropDuplicates(["_row_id"]), job.table)
    if day:
        first = told.groupBy("_row_id").agg(F.min(day).alias("_other"))
        rows = _with_earlier(rows, first, day)
    return _with_rows_of_gone_files(rows, current, present, day)
