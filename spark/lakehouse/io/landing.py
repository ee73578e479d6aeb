"""Landing files: which are there, which are new, and their lines as they stand."""

from __future__ import annotations

import gzip
import hashlib
import re
import zlib
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, cast

from pyspark.sql import Window
from pyspark.sql import functions as F

from lakehouse.errors import InputQualityError, StorageError
from lakehouse.io import files

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pyarrow.fs import FileInfo
    from pyspark.sql import DataFrame, SparkSession

FORMATS = {".json": "json", ".jsonl": "json", ".ndjson": "json", ".csv": "csv"}
CHUNK = 1 << 20
HEAD = 1 << 16
BOM = b"\xef\xbb\xbf"
DAY = re.compile(r"(?<!\d)(\d{4})(-?)(\d{2})\2(\d{2})(?!\d)")


@dataclass(frozen=True)
class LandedFile:
    """A landing file. Its identity is path, size and content hash.

    Attributes:
        path: Path below the landing folder.
        uri: Absolute path or URI.
        size: Bytes on storage.
        mtime_ns: Modification time; only used to avoid hashing an untouched file again.
        digest: BLAKE2 of the stored bytes.
        layout: `array` (one JSON array), `lines` (JSON lines) or `csv`.
        header: Header line of a CSV file.
    """

    path: str
    uri: str
    size: int
    mtime_ns: int
    digest: str
    layout: str
    header: str | None = None

    def record(self) -> dict[str, Any]:
        """What the manifest keeps."""
        return {
            "size": self.size,
            "mtime_ns": self.mtime_ns,
            "digest": self.digest,
            "layout": self.layout,
            "header": self.header,
        }


@dataclass(frozen=True)
class Delivery:
    """What the landing folder holds compared with what was consumed.

    Attributes:
        new: Files not consumed yet.
        changed: Files whose content differs from what was consumed under the same path.
        unchanged: Files consumed as they are.
        gone: Paths that were consumed and are not there any more; their rows stay.
        waiting: Paths of new files that are dated after the day of the run.
    """

    new: tuple[LandedFile, ...]
    changed: tuple[LandedFile, ...]
    unchanged: tuple[LandedFile, ...]
    gone: tuple[str, ...]
    waiting: tuple[str, ...] = ()

    @property
    def present(self) -> tuple[LandedFile, ...]:
        """Every file that is there."""
        return self.new + self.changed + self.unchanged


def day_of(path: str) -> date | None:
    """The day a file is dated by its path (`events/2026-01-05.jsonl`); None for an undated one."""
    for year, _, month, day in reversed(DAY.findall(path)):
        try:
            return date(int(year), int(month), int(day))
        except ValueError:
            continue
    return None


def has_files(raw_uri: str, source: str) -> bool:
    """Whether anything landed for a source: a listing, no file is opened."""
    return next(_candidates(raw_uri, source), None) is not None


def deliveries(
    raw_uri: str, source: str, known: dict[str, dict[str, Any]], day: date | None = None
) -> Delivery:
    """Compare the landing folder with the manifest of consumed files.

    Args:
        raw_uri: The landing folder.
        source: Name of the source.
        known: Manifest of consumed files.
        day: New files dated later wait; undated files, and corrections of consumed ones, never do.

    Raises:
        InputQualityError: A file is truncated, or of a kind that nobody can read.
    """
    by_status: dict[str, list[LandedFile]] = {"new": [], "changed": [], "unchanged": []}
    waiting: list[str] = []
    for info in _candidates(raw_uri, source):
        path = _relative(info, raw_uri)
        record = known.get(path)
        if record is None and day and (day_of(path) or day) > day:
            waiting.append(path)
            continue
        mtime_ns = info.mtime_ns or 0
        if record and (record["size"], record["mtime_ns"]) == (info.size, mtime_ns):
            by_status["unchanged"].append(LandedFile(path, f"{raw_uri}/{path}", **record))
            continue
        landed = _inspect(info, path, f"{raw_uri}/{path}", mtime_ns)
        if record is None:
            by_status["new"].append(landed)
        elif record["digest"] == landed.digest:
            by_status["unchanged"].append(landed)
        else:
            by_status["changed"].append(landed)
    present = {each.path for group in by_status.values() for each in group}
    return Delivery(
        new=tuple(by_status["new"]),
        changed=tuple(by_status["changed"]),
        unchanged=tuple(by_status["unchanged"]),
        gone=tuple(sorted(set(known) - present)),
        waiting=tuple(sorted(waiting)),
    )


def manifest_of(delivery: Delivery, known: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The manifest after consuming a delivery; files that are gone stay in it."""
    return known | {each.path: each.record() for each in delivery.present}


def manifest_digest(manifest: dict[str, dict[str, Any]]) -> str:
    """Hash over the identities (not the modification times) of all files of a manifest."""
    lines = (f"{path}\0{record['size']}\0{record['digest']}\n" for path, record in manifest.items())
    return hashlib.blake2b("".join(sorted(lines)).encode(), digest_size=16).hexdigest()


def read_lines(
    spark: SparkSession, landed: Sequence[LandedFile], raw_uri: str
) -> list[tuple[str, str | None, DataFrame]]:
    """The lines of files, grouped by what is needed to take them apart.

    Returns:
        (layout, header, frame) per group; the frame has `_source_file`, `_block` and `_position`
        (which together order the lines of a file) and `raw`; CSV headers included.
    """
    groups: dict[tuple[str, str | None], list[LandedFile]] = {}
    for each in landed:
        groups.setdefault((each.layout, each.header), []).append(each)
    return [
        (layout, header, _lines(spark, layout, members, raw_uri))
        for (layout, header), members in groups.items()
    ]


def with_line_numbers(rows: DataFrame, lines: DataFrame) -> DataFrame:
    """Add `_line`, counted from 1.

    A file is read in blocks by several tasks, so a row only knows its place within its block; one
    count of the lines per block turns that into a line number.

    Args:
        rows: Some of the lines.
        lines: All lines of the same files, blank ones and headers included.
    """
    earlier = (
        Window.partitionBy("_source_file")
        .orderBy("_block")
        .rowsBetween(Window.unboundedPreceding, -1)
    )
    blocks = (
        lines.filter(F.col("_block") >= 0)
        .groupBy("_source_file", "_block")
        .agg(F.min("_position").alias("_first"), F.count(F.lit(1)).alias("_size"))
        .withColumn("_before", F.coalesce(F.sum("_size").over(earlier), F.lit(0)))
        .drop("_size")
    )
    line = F.col("_before") + F.col("_position") - F.col("_first") + 1
    # Rows that come from the quarantine know their line already.
    return rows.join(blocks, ["_source_file", "_block"], "left").withColumn(
        "_line", F.coalesce(line, F.col("_position"))
    )


def _lines(
    spark: SparkSession,
    layout: str,
    members: Sequence[LandedFile],
    raw_uri: str,
) -> DataFrame:
    reader = spark.read.option("__globPaths__", "false")  # a path with [ or * is just a path
    text = reader.text([each.uri for each in members], wholetext=layout == "array")
    decoded = F.url_decode(F.replace("_metadata.file_path", F.lit("+"), F.lit("%2B")))
    # The part after the landing folder, whatever scheme the engine puts before it. No regular
    # expression: this is computed for each line.
    folder = f"{raw_uri.partition('://')[2] or raw_uri}/"
    below = F.substr(decoded, F.locate(folder, decoded) + F.lit(len(folder)))
    lines = text.select(
        below.alias("_source_file"),
        F.col("_metadata.file_block_start").alias("_block"),
        F.monotonically_increasing_id().alias("_position"),
        F.col("value").alias("raw"),
    )
    if layout == "array":
        text = _without_bom("raw")
        # Inside another array, text after the array is an error instead of being ignored.
        wrapped = F.concat(F.lit("["), text, F.lit("]"))
        arrays = F.from_json(wrapped, "array<array<string>>")
        elements = F.when(F.size(arrays) == 1, arrays[0])
        # What is no array after all is judged line by line, so that every line is accounted for.
        rows = F.coalesce(elements, F.split(text, "\n"))
        return lines.select("_source_file", "_block", F.posexplode(rows).alias("_position", "raw"))
    return lines.withColumn("raw", _without_bom("raw"))


def _without_bom(column: str) -> Any:  # noqa: ANN401  # a Column; pyspark has two classes of them
    # No regular expression: those turn bytes that are not UTF-8 into replacement characters.
    rest = F.substring(column, 2, 1 << 30)
    return F.when(F.col(column).startswith("\ufeff"), rest).otherwise(F.col(column))


def _candidates(raw_uri: str, source: str) -> Iterator[FileInfo]:
    filesystem, path = files.locate(raw_uri)
    beside = [f"{path}/{source}{ext}{gz}" for ext in FORMATS for gz in ("", ".gz")]
    for info in filesystem.get_file_info(beside):
        if info.is_file:
            yield info
    for info in files.list_files(f"{raw_uri}/{source}"):
        below = info.path.removeprefix(f"{path}/")
        if not any(part.startswith((".", "_")) for part in below.split("/")):
            yield info


def _relative(info: FileInfo, raw_uri: str) -> str:
    _, base = files.locate(raw_uri)
    return cast("str", info.path).removeprefix(f"{base}/")


def _format_of(path: str) -> str:
    name = path.lower().removesuffix(".gz")
    extension = name[name.rfind(".") :] if "." in name.rsplit("/", 1)[-1] else ""
    if extension not in FORMATS:
        message = (
            f"landing file {path} has an unknown extension '{extension}'; "
            f"use {', '.join(FORMATS)} (each also .gz), or move it away"
        )
        raise InputQualityError(message, path=path)
    return FORMATS[extension]


def _inspect(info: FileInfo, path: str, uri: str, mtime_ns: int) -> LandedFile:
    kind = _format_of(path)
    digest, head = _hash_and_head(uri, path)
    header = None
    if kind == "csv":
        layout = "csv"
        first = head.removeprefix(BOM).splitlines()[0] if head.removeprefix(BOM).strip() else b""
        header = first.decode("utf-8", "replace")
    else:
        # Only `.json` may be an array; a line of `.jsonl` that starts with [ is just a bad row.
        may_be_array = path.removesuffix(".gz").lower().endswith(".json")
        is_array = may_be_array and head.removeprefix(BOM).lstrip()[:1] == b"["
        layout = "array" if is_array else "lines"
    return LandedFile(path, uri, info.size, mtime_ns, digest, layout, header)


def _hash_and_head(uri: str, path: str) -> tuple[str, bytes]:
    """Hash of the stored bytes and the first decompressed ones; proves that a gz is whole."""
    digest = hashlib.blake2b(digest_size=16)
    filesystem, inner = files.locate(uri)
    inflate = zlib.decompressobj(wbits=31) if path.endswith(".gz") else None
    head = b""
    try:
        with filesystem.open_input_file(inner) as stream:
            while chunk := stream.read(CHUNK):
                digest.update(chunk)
                if inflate is not None:
                    chunk, inflate = _inflated(inflate, chunk)
                if len(head) < HEAD:
                    head += chunk[: HEAD - len(head)]
    except (zlib.error, gzip.BadGzipFile) as error:
        message = f"landing file {path} is not valid gzip ({error}); deliver it again"
        raise InputQualityError(message, path=path) from error
    except PermissionError as error:
        message = f"no permission to read landing file {path}; grant it and run again"
        raise StorageError(message, path=path) from error
    if inflate is not None and not inflate.eof:
        message = f"landing file {path} is truncated: the gzip stream ends early; deliver it again"
        raise InputQualityError(message, path=path)
    return digest.hexdigest(), head


def _inflated(inflate: Any, chunk: bytes) -> tuple[bytes, Any]:  # noqa: ANN401  # zlib has no type
    """Decompress a chunk, which may hold the end of one gzip member and the start of another."""
    out = inflate.decompress(chunk)
    while inflate.eof and inflate.unused_data.strip(b"\0"):
        rest = inflate.unused_data
        inflate = zlib.decompressobj(wbits=31)
        out += inflate.decompress(rest)
    return out, inflate
