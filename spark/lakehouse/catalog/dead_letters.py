"""Dead letters: records of topics that stand in the quarantine, each with its key and headers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from lakehouse.errors import ConfigError
from lakehouse.io import kafka
from lakehouse.io.sql import literal
from lakehouse.io.state import StateStore
from lakehouse.landing.messages import OURS, Beside
from lakehouse.landing.topic import LAYOUT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lakehouse.catalog.registry import Registry
    from lakehouse.settings import Settings
    from lakehouse.spec import Table

SUFFIX = ".dlq"
DEAD, REPLAYED = "dead", "replayed"
VERSION_HEADER = "schema_version"
_MAGIC, _SCHEMA_ID_BYTES = 0, 4
COLUMNS = "source_file, source_line, reasons, raw, header, run_id, quarantined_at"


@dataclass(frozen=True)
class Letter:
    """A record of a topic that was rejected.

    Attributes:
        topic: Its topic.
        partition: Its partition.
        offset: Its offset.
        value: Its value as it came; of a message that holds several records, the rejected one.
        beside: Key, headers and moment of its message, and how often it was judged.
        reasons: Why it was rejected when it was judged last.
        dead_at: When the run that judged it last started, UTC.
        run_id: That run.
    """

    topic: str
    partition: int
    offset: int
    value: bytes
    beside: Beside
    reasons: tuple[str, ...]
    dead_at: datetime
    run_id: str

    @classmethod
    def of(cls, row: dict[str, Any]) -> Letter:
        """A row of the quarantine."""
        topic, _, rest = row["source_file"].rpartition("/")
        return cls(
            topic=topic,
            partition=int(rest.partition("@")[0]),
            offset=row["source_line"],
            value=row["raw"],
            beside=Beside.parse(row["header"]),
            reasons=tuple(row["reasons"]),
            dead_at=row["quarantined_at"].astimezone(UTC),
            run_id=row["run_id"],
        )

    @property
    def held(self) -> dict[str, Any]:
        """What it takes to judge it again, as the quarantine has it."""
        return {
            "source_file": self.coordinates,
            "source_line": self.offset,
            "raw": self.value,
            "layout": LAYOUT,
            "header": str(self.beside),
        }

    @property
    def coordinates(self) -> str:
        """Where it stands."""
        return f"{self.topic}/{self.partition}@{self.offset}"

    @property
    def reason_class(self) -> str:
        """Its first reason without the field."""
        return self.reasons[0].partition(":")[0]

    @property
    def sent_at(self) -> datetime | None:
        """The moment of its message, UTC; None where it has none that a calendar knows."""
        if self.beside.at_ms is None:
            return None
        try:
            return datetime.fromtimestamp(self.beside.at_ms / 1000, UTC)
        except (OverflowError, OSError, ValueError):
            return None

    @property
    def schema_version(self) -> str | None:
        """Version of its schema, as a header tells; or a registry's id of it, before the value."""
        told = dict(self.beside.headers).get(VERSION_HEADER)
        if told is not None:
            return told.decode("utf-8", "replace")
        is_framed = len(self.value) > _SCHEMA_ID_BYTES and self.value[0] == _MAGIC
        if not is_framed:
            return None
        return str(int.from_bytes(self.value[1 : 1 + _SCHEMA_ID_BYTES], "big"))

    @property
    def told(self) -> dict[str, str]:
        """What headers of ours say of it, by name; one that tells nothing is left out."""
        found = {
            "topic": self.topic,
            "partition": self.partition,
            "offset": self.offset,
            "at_ms": self.beside.at_ms,
            "status": DEAD,
            "reason": ", ".join(self.reasons),
            "reason_class": self.reason_class,
            "schema_version": self.schema_version,
            "attempts": self.beside.attempts,
            "dead_at": self.dead_at.isoformat(timespec="milliseconds"),
        }
        return {OURS + name: str(value) for name, value in found.items() if value is not None}


def topic_of(table: Table) -> str:
    """The topic of a table's dead letters; empty for one whose records are none.

    Dead letters themselves that nobody can read have no other topic to go to.
    """
    source = table.source
    if source is None or not source.topic or source.whole_messages:
        return ""
    return source.topic + SUFFIX


def tables(registry: Registry) -> list[Table]:
    """Tables whose rejected records are dead letters."""
    return [entry.table for entry in registry if topic_of(entry.table)]


def table_of(registry: Registry, table: Table) -> Table | None:
    """The table that keeps the dead letters of a table, if there is one."""
    wanted = topic_of(table)
    found = (entry.table for entry in registry if entry.table.source)
    return next((each for each in found if each.source and each.source.topic == wanted), None)


def may_wait(table: Table, settings: Settings) -> bool:
    """Whether dead letters may be there that nobody sent: none without rejects or a broker."""
    if not topic_of(table) or kafka.find(settings) is None:
        return False
    state = StateStore(settings).published(table.name)
    return state is not None and state.quarantine is not None


def letters(
    table: Table, settings: Settings, *, reason: str = "", coordinates: str = "", n: int = 0
) -> list[Letter]:
    """Dead letters of a table, the newest first.

    Args:
        table: Whose.
        settings: The lake.
        reason: Only those of this reason, or the first part of one.
        coordinates: Only this one.
        n: At most so many; 0 = all.

    Raises:
        ConfigError: The coordinates are none.
    """
    from lakehouse.io import ops  # noqa: PLC0415  # deltalake, 0.1 s

    chosen = [f"layout = {literal(LAYOUT)}"]
    if reason:
        told = "chr(10) || array_to_string(reasons, chr(10))"
        chosen.append(f"strpos({told}, chr(10) || {literal(reason)}) > 0")
    if coordinates:
        topic, partition, offset = parsed(coordinates)
        chosen.append(f"starts_with(source_file, {literal(f'{topic}/{partition}@')})")
        chosen.append(f"source_line = {offset}")
    limit = f" LIMIT {n}" if n else ""
    rows = ops.query_delta(
        settings.table_uri(f"quarantine.{table.noun}"),
        f"SELECT {COLUMNS} FROM t WHERE {' AND '.join(chosen)} "
        f"ORDER BY quarantined_at DESC, source_file, source_line{limit}",
    )
    return [Letter.of(row) for row in rows]


def parsed(coordinates: str) -> tuple[str, int, int]:
    """Topic, partition and offset.

    Raises:
        ConfigError: They are none.
    """
    topic, _, rest = coordinates.rpartition("/")
    partition, _, offset = rest.partition("@")
    if not (topic and partition.isdecimal() and offset.isdecimal()):
        raise ConfigError(
            f"{coordinates}: no coordinates; write topic/partition@offset, "
            "as `lakehouse dlq show` prints them"
        )
    return topic, int(partition), int(offset)


def by_reason_class(found: Iterable[Letter]) -> list[dict[str, Any]]:
    """Dead letters counted by the class of their reason, most first."""
    groups: dict[tuple[str, str], list[Letter]] = {}
    for letter in found:
        groups.setdefault((letter.topic, letter.reason_class), []).append(letter)
    rows = [
        {
            "topic": topic,
            "reason_class": reason_class,
            "n": len(group),
            "oldest": min(filter(None, (each.sent_at for each in group)), default=None),
            "newest": max(filter(None, (each.sent_at for each in group)), default=None),
            "attempts": max(each.beside.attempts for each in group),
        }
        for (topic, reason_class), group in groups.items()
    ]
    return sorted(rows, key=lambda row: (-row["n"], row["topic"], row["reason_class"]))
