"""Bronze: new landing files → rows of the table, every line accounted for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import reduce
from typing import TYPE_CHECKING

from pyspark import StorageLevel
from pyspark.sql import functions as F

from lakehouse.engine.labels import labelled
from lakehouse.engine.write import Written, conform, written_differences, written_rows
from lakehouse.engines.spark import delta
from lakehouse.engines.spark.layout import by_day
from lakehouse.engines.spark.lines import read_lines, with_line_numbers
from lakehouse.engines.spark.tally import Tally, broadcast_if_few
from lakehouse.errors import SchemaMismatchError, UpstreamMissingError
from lakehouse.io.fault_points import reach
from lakehouse.io.state import Account
from lakehouse.landing import files as landing
from lakehouse.quality import quarantine
from lakehouse.spec.columns import TECHNICAL_COLUMNS
from lakehouse.transforms import parse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import Column, DataFrame

    from lakehouse.engine.job import Job
    from lakehouse.landing.files import Delivery, LandedFile
    from lakehouse.spec import Source

TECHNICAL = tuple(column.name for column in TECHNICAL_COLUMNS)
_PLACE = "_place"  # of a row among all that are read
_FORMAT = ("_layout", "_header")  # of the file that a line is from
_SHORT = "_short"  # 64 bits of an identity


@dataclass(frozen=True)
class Intake:
    """What a bronze run has to do.

    Attributes:
        delivery: The landing folder compared with what was consumed.
        reconcile: Compare the whole table with all files instead of appending the new ones.
        reason: Why, in words.
    """

    delivery: Delivery
    reconcile: bool
    reason: str

    @property
    def empty(self) -> bool:
        """Nothing to do."""
        return not (self.reconcile or self.delivery.new)


def source_of(job: Job) -> Source:
    """The landing source of a bronze job."""
    source = job.table.source
    if source is None:
        message = f"{job.table.name} is not fed from landing files"
        raise TypeError(message)
    return source


def intake(job: Job) -> Intake:
    """Look at the landing folder.

    Raises:
        UpstreamMissingError: The source never delivered anything.
        InputQualityError: A file cannot be read.
    """
    source = source_of(job)
    published = job.published
    known = job.states.manifest(published.files if published else None)
    day = job.request.day
    delivery = landing.deliveries(job.settings.raw_uri, source.name, known, day)
    if not delivery.present and not known:
        message = (
            f"no landing files for {source.name}{f' up to {day}' if day else ''}: "
            f"expected {job.settings.raw_uri}/{source.name}"
            f".json|.jsonl|.csv[.gz] or files below {job.settings.raw_uri}/{source.name}/"
        )
        raise UpstreamMissingError(message, table=job.table.name, source=source.name)
    reconcile, reason = _reconcile(job, delivery)
    return Intake(delivery, reconcile, reason)


def _reconcile(job: Job, delivery: Delivery) -> tuple[bool, str]:
    if job.request.full_refresh:
        return True, "full refresh asked for"
    if job.published is None:
        return True, "never published"
    if job.published.code != job.entry.code:
        return True, "its code changed"
    if delivery.changed:
        return True, f"changed files: {', '.join(each.path for each in delivery.changed)}"
    if delivery.new:
        return False, f"{len(delivery.new)} new file{'s'[: len(delivery.new) > 1]}"
    later = f", {len(delivery.waiting)} dated later wait" if delivery.waiting else ""
    return False, f"no new files{later}"


def check_headers(job: Job, landed: Sequence[LandedFile]) -> None:
    """Required fields are in the header of every CSV file.

    Raises:
        SchemaMismatchError: Names the file, what is missing and what was found.
    """
    for each in landed:
        if each.layout != "csv" or not each.header:
            continue
        found = parse.header_names(each.header)
        missing = [name for name in source_of(job).required if name not in found]
        if missing or len(set(found)) != len(found):
            problem = f"lacks {', '.join(missing)}" if missing else "names a column twice"
            message = (
                f"landing file {each.path} {problem} (it has {', '.join(found)}); "
                "deliver it again with the declared columns"
            )
            raise SchemaMismatchError(message, path=each.path, missing=missing, found=found)


@labelled("ingest")
def ingest(job: Job, work: Intake) -> Written:
    """Write the good rows to the table and the others to quarantine."""
    reach("before_read", job.table.name)
    landed = work.delivery.present if work.reconcile else work.delivery.new
    lines = _lines(job, landed, with_gone=work.reconcile)
    held = None if job.base is None else delta.read(job.spark, job.uri, job.base)
    # Parsing is the dear part: kept once, for the counts, the table and the quarantine.
    parsed = _parsed(job, lines).persist(StorageLevel.DISK_ONLY)
    try:
        rows = _good_rows(job, parsed)
        told = _Identities.of(rows, bad=parsed.filter(_is_bad()))
        rows = conform(told.first_of_each(rows).drop(_PLACE), job.table)
        reach("before_write", job.table.name)
        if work.reconcile:
            written = _reconciled(job, rows, told.distinct, held, work)
            loaded = told.distinct
        else:
            written = written_rows(job, _not_held(rows, told.distinct, held))
            loaded = written.changed[delta.INSERT]
        reach("between_quarantine_and_table", job.table.name)
        with job.engine.doing("quarantine"):
            quarantine.put(
                job.spark,
                quarantine.uri(job.settings, job.table.name),
                _with_text(parsed.filter(_is_bad()), lines, told.bad),
                files=None if work.reconcile else [each.path for each in landed],
                run=job.run,
            )
    finally:
        parsed.unpersist()
    account = Account(
        rows_in=told.rows,
        rows_quarantined=told.bad,
        rows_loaded=loaded,
        rows_deduplicated=told.rows - told.bad - loaded,
    )
    return replace(written, account=account)


def _is_bad() -> Column:
    return F.size(parse.REASONS) > 0


def _lines(job: Job, landed: Sequence[LandedFile], *, with_gone: bool) -> DataFrame:
    """Every line of the files, and of the quarantine where the file is gone, taken apart."""
    groups = read_lines(job.spark, landed, job.settings.raw_uri)
    if with_gone:
        present = [each.path for each in landed]
        groups += quarantine.lines(
            job.spark, quarantine.uri(job.settings, job.table.name), but_not_from=present
        )
    if not groups:
        groups = [("lines", None, job.spark.createDataFrame([], quarantine.LINES_SCHEMA))]
    apart = [
        parse.take_apart(lines, layout, header, source_of(job)).withColumns(
            {"_layout": F.lit(layout), "_header": F.lit(header).cast("string")}
        )
        for layout, header, lines in groups
    ]
    return reduce(lambda a, b: a.unionByName(b), apart)


def _parsed(job: Job, lines: DataFrame) -> DataFrame:
    """The lines that are rows, typed and judged, without their text."""
    is_header = F.col("raw").eqNullSafe(F.col("_header"))
    # No row: text files end with an empty line more often than not.
    # Not btrim: with characters of one's own it needs eight bytes of heap for each byte of a line.
    is_blank = F.col("raw").rlike(r"\A[ \t\r]*+\z")
    rows = lines.filter(~is_header & ~is_blank)
    parsed = parse.typed(rows, source_of(job), max_line_bytes=job.settings.max_line_bytes)
    return parsed.withColumn(_PLACE, F.monotonically_increasing_id()).drop("raw", *_FORMAT)


def _with_text(bad: DataFrame, lines: DataFrame, n: int) -> DataFrame | None:
    """The bad rows as they landed, with their line numbers; None when there are none.

    The text is read again: kept with the parsed rows, a line of 50 MB would stand in memory thrice.
    """
    if not n:
        return None
    place = ["_source_file", "_block", "_position"]
    judged = bad.select(*place, parse.REASONS)
    text = lines.select(*place, "raw", *_FORMAT)
    text = text.join(broadcast_if_few(judged, n), place)
    return with_line_numbers(text, lines)


def _good_rows(job: Job, parsed: DataFrame) -> DataFrame:
    """The good rows with the columns of the table and their place, repeats among them."""
    rows = job.entry.transform(parsed.filter(~_is_bad()), job.run)
    return rows.select(*(column.name for column in job.table.columns), *TECHNICAL, _PLACE)


@dataclass(frozen=True)
class _Identities:
    """Which identities stand several times among the good rows.

    Attributes:
        rows: All rows.
        bad: Those of which are not good.
        distinct: Identities of the good ones.
        repeated: Those that stand several times, and the first place of each; None without any.
    """

    rows: int
    bad: int
    distinct: int
    repeated: DataFrame | None

    @classmethod
    def of(cls, good: DataFrame, bad: DataFrame) -> _Identities:
        """Count them: 64 bits of each are shuffled, and the whole of those that share them."""
        short = F.xxhash64("_row_id").alias(_SHORT)
        nothing = F.lit(None).cast("bigint").alias(_SHORT)
        is_good, is_shared = F.col(_SHORT).isNotNull(), F.col("_n") > 1
        every = good.select(short).unionByName(bad.select(nothing))
        shorts = Tally(
            every.groupBy(_SHORT).agg(F.count(F.lit(1)).alias("_n")),
            rows=F.sum("_n"),
            bad=F.sum(F.when(~is_good, F.col("_n"))),
            distinct=F.count_if(is_good),
            shared=F.count_if(is_good & is_shared),
        )
        shared = shorts.rows.filter(is_good & is_shared).select(_SHORT).localCheckpoint()
        told = shorts.counts()
        n_shared = told.pop("shared")
        if not n_shared:
            return cls(**told, repeated=None)
        suspects = good.select("_row_id", _PLACE, short).join(
            broadcast_if_few(shared, n_shared), _SHORT, "left_semi"
        )
        whole = Tally(
            suspects.groupBy("_row_id").agg(
                F.count(F.lit(1)).alias("_n"), F.min(_PLACE).alias("_first")
            ),
            distinct=F.count(F.lit(1)),
        )
        repeated = whole.rows.filter(is_shared).select("_row_id", "_first").localCheckpoint()
        told["distinct"] += whole.counts()["distinct"] - n_shared
        return cls(**told, repeated=broadcast_if_few(repeated, n_shared))

    def first_of_each(self, rows: DataFrame) -> DataFrame:
        """The rows without repeats, in the order and the partitions they have."""
        if self.repeated is None:
            return rows
        found = rows.join(self.repeated, "_row_id", "left")
        is_first = F.col("_first").isNull() | (F.col("_first") == F.col(_PLACE))
        return found.filter(is_first).drop("_first")


def _not_held(rows: DataFrame, n: int, held: DataFrame | None) -> DataFrame:
    """The rows that the table does not have: it is looked through, as only they are few."""
    if held is None:
        return rows
    ids = broadcast_if_few(rows.select("_row_id"), n)
    known = held.select("_row_id").join(ids, "_row_id", "left_semi")
    new = rows.join(broadcast_if_few(known, n), "_row_id", "left_anti")
    return new.select(*rows.columns)


def _reconciled(job: Job, rows: DataFrame, n: int, held: DataFrame | None, work: Intake) -> Written:
    """Make the table equal to the files; rows of files that are gone stay."""
    if held is None:
        return written_rows(job, by_day(rows, job.table, rows, job.table.day, n))
    return written_differences(job, held, _with_rows_of_gone_files(rows, held, work))


def _with_rows_of_gone_files(rows: DataFrame, current: DataFrame, work: Intake) -> DataFrame:
    present = [each.path for each in work.delivery.present]
    kept = current.filter(~F.col("_source_file").isin(present)).join(
        rows.select("_row_id"), "_row_id", "left_anti"
    )
    return rows.unionByName(kept.select(*rows.columns))


def desired_from_files(job: Job, current: DataFrame) -> DataFrame:
    """What the table should hold: the good rows of all files, and of those that are gone."""
    work = intake(job)
    parsed = _parsed(job, _lines(job, work.delivery.present, with_gone=True))
    rows = _good_rows(job, parsed).drop(_PLACE).dropDuplicates(["_row_id"])
    return _with_rows_of_gone_files(conform(rows, job.table), current, work)
