"""What is published: one small file per table, replaced atomically.

A published state is a promise: this version passed its output gate, and it was made from exactly
these versions of its inputs. Readers follow it; the planner compares it with what is there now.
A candidate is the same record for a version that was written but not audited yet; one that did not
pass is kept as rejected, until another is published.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from lakehouse.io import files

if TYPE_CHECKING:
    from lakehouse.settings import Settings

MOST_DAYS_AHEAD = 1000


@dataclass(frozen=True)
class Account:
    """Where the rows of a run went. `rows_in` is the sum of the five fates (law 3).

    Left out are rows that the table or the mapping of their file does not want. Rejected again are
    those of the quarantined that were judged once more because their file is gone.
    """

    rows_in: int = 0
    rows_loaded: int = 0
    rows_quarantined: int = 0
    rows_deduplicated: int = 0
    rows_too_late: int = 0
    rows_left_out: int = 0
    rows_rejected_again: int = 0

    @property
    def balanced(self) -> bool:
        """Whether every row is accounted for."""
        fates = self.rows_loaded + self.rows_quarantined + self.rows_deduplicated
        return self.rows_in == fates + self.rows_too_late + self.rows_left_out

    @property
    def rejected_rate(self) -> float:
        """Share of the rows that were wanted and arrived that went to quarantine, 0-1.

        Of files that are gone only the rejects are judged again: their share would say nothing.
        """
        wanted = self.rows_in - self.rows_left_out - self.rows_rejected_again
        rejected = self.rows_quarantined - self.rows_rejected_again
        return rejected / wanted if wanted else 0.0


@dataclass(frozen=True)
class Version:
    """A version of a Delta table. A table that is made anew counts from 0: its number says little.

    Attributes:
        table_id: Which table it is one of, as Delta says; None in a state of before 2026-11-27.
        number: Its number.
    """

    table_id: str | None
    number: int

    def __str__(self) -> str:
        """The number: people ask for versions of what a table's name stands for now."""
        return str(self.number)


@dataclass(frozen=True, kw_only=True)
class State:
    """A version of a table and what it was made from.

    Attributes:
        table: Table name.
        version: Number of the Delta version.
        table_id: Delta's identity of the table, which one that is made anew does not share; None in
            a state of before 2026-11-27.
        head: Newest Delta version with the same content (a rolled-back write leaves it above
            `version`).
        run_id: Run that made it.
        token: Fencing token of the lock under which it was made.
        as_of: As-of date, ISO, for tables that depend on one.
        cut_at: Rows of inputs later than this day were left out, ISO; None where none ever is.
        told_until: Newest day that counts in it, by its own cut or that of what it is made of, ISO;
            None in a state of before 2026-11-28, too.
        inputs: Consumed version of every input table.
        position: What was consumed of a feed (bronze): the hash of the manifest of landing files,
            and behind a blank the offsets of a topic.
        code: Fingerprint of the table's code.
        rows: Rows in the table.
        newest: Newest value of each date that is a clock for other tables, ISO; none later than the
            day of the run.
        ahead: Rows of each later day, by date and day: the first `MOST_DAYS_AHEAD` days.
        account: Where the run's input rows went.
        changed: Rows written by the run: inserted, updated, deleted.
        base: Delta version the run started from; equal to `version` when it wrote nothing, and
            None when it made the table.
        published_at: When it was published, UTC ISO; None for a candidate.
        same_since: Oldest published version with the same content: maintenance moves the version,
            which is no news to whoever consumed it. None = `version`.
        reason: Why it was made, in words.
        quarantine: Version of the quarantine that belongs to it (bronze); None without one, and in
            a state of before 2026-11-29.
    """

    table: str
    version: int
    head: int
    run_id: str
    token: int
    table_id: str | None = None
    as_of: str | None = None
    cut_at: str | None = None
    told_until: str | None = None
    inputs: dict[str, Version] = field(default_factory=dict)
    position: str | None = None
    code: str = ""
    rows: int = 0
    newest: dict[str, str] = field(default_factory=dict)
    ahead: dict[str, dict[str, int]] = field(default_factory=dict)
    account: Account = field(default_factory=Account)
    changed: dict[str, int] = field(default_factory=dict)
    base: int | None = None
    published_at: str | None = None
    same_since: int | None = None
    reason: str = ""
    quarantine: int | None = None

    @property
    def published_moment(self) -> datetime | None:
        """When it was published, as a moment."""
        return datetime.fromisoformat(self.published_at) if self.published_at else None

    @property
    def oldest_alike(self) -> int:
        """Oldest published version with this content."""
        return self.version if self.same_since is None else self.same_since

    @property
    def counted_until(self) -> str | None:
        """The last day that counts; of a state from before it was kept, the as-of date."""
        return self.cut_at or self.as_of

    @property
    def identity(self) -> Version:
        """What a reader notes to have consumed."""
        return Version(self.table_id, self.version)

    def is_news_to(self, consumed: Version | None) -> bool:
        """Whether a reader who consumed that version has not seen this content."""
        if consumed is None or consumed.table_id != self.table_id:
            return True
        return not self.oldest_alike <= consumed.number <= self.version

    def newest_by(self, day: date, clock: str) -> date | None:
        """Newest value of a date that is not later than a day."""
        told = [self.newest.get(clock), *self.ahead.get(clock, ())]
        days = (date.fromisoformat(each) for each in told if each)
        return max((each for each in days if each <= day), default=None)

    def rows_ahead(self, clock: str) -> int:
        """Rows that were later than the day of the run."""
        return sum(self.ahead.get(clock, {}).values())

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> State:
        """Read back what `asdict` wrote, also before positions and versions were called so."""
        fields = dict(content)
        fields.setdefault("position", fields.pop("files", None))
        inputs = {
            name: Version(**each) if isinstance(each, dict) else Version(None, each)
            for name, each in fields["inputs"].items()
        }
        return cls(**fields | {"account": Account(**fields["account"]), "inputs": inputs})


class StateStore:
    """Published states and candidates of a lake, and the manifests of consumed files."""

    def __init__(self, settings: Settings) -> None:
        """Keep the place; nothing is created before the first write."""
        self._ops = f"{settings.root_uri}/ops"

    def published(self, table: str) -> State | None:
        """The version readers may see."""
        return self._read("published", table)

    def candidate(self, table: str) -> State | None:
        """The version that waits for its output gate."""
        return self._read("candidates", table)

    def rejected(self, table: str) -> State | None:
        """The version that the output gate refused since the last one was published."""
        return self._read("rejected", table)

    def reject(self, state: State) -> None:
        """Keep what a version was made from that the output gate refused."""
        files.write_json(self._path("rejected", state.table), asdict(state))
        self.withdraw(state.table)

    def propose(self, state: State) -> None:
        """Record a written version that is not audited yet."""
        files.write_json(self._path("candidates", state.table), asdict(state))

    def publish(self, state: State) -> State:
        """Move readers to this version."""
        done = replace(state, published_at=datetime.now(UTC).isoformat(timespec="milliseconds"))
        files.write_json(self._path("published", state.table), asdict(done))
        self.withdraw(state.table)
        files.delete(self._path("rejected", state.table))
        return done

    def replace(self, state: State) -> None:
        """Rewrite the published state of a table; its version stays what it was."""
        files.write_json(self._path("published", state.table), asdict(state))

    def forget(self, table: str) -> None:
        """Nothing of the table is published any more, and nothing waits to be."""
        self.withdraw(table)
        files.delete(self._path("rejected", table))
        files.delete(self._path("published", table))

    def withdraw(self, table: str) -> None:
        """Forget a candidate."""
        files.delete(self._path("candidates", table))

    def manifest(self, digest: str | None) -> dict[str, dict[str, Any]]:
        """Consumed landing files by path: size, mtime and hash of each."""
        if digest is None:
            return {}
        return files.read_json(f"{self._ops}/manifests/{digest}.json") or {}

    def save_manifest(self, digest: str, manifest: dict[str, dict[str, Any]]) -> None:
        """Keep a manifest under its own hash."""
        files.write_json(f"{self._ops}/manifests/{digest}.json", manifest)

    def sweep_manifests(self, before: datetime) -> int:
        """Delete manifests from before a time that no state names; returns how many."""
        states = [
            self._read(kind, info.base_name.removesuffix(".json"))
            for kind in ("published", "candidates", "rejected")
            for info in files.list_files(f"{self._ops}/{kind}")
        ]
        named = {(state.position or "").partition(" ")[0] for state in states if state}
        gone = 0
        for info in files.list_files(f"{self._ops}/manifests"):
            if info.base_name.removesuffix(".json") not in named and info.mtime < before:
                files.delete(f"{self._ops}/manifests/{info.base_name}")
                gone += 1
        return gone

    def _path(self, kind: str, table: str) -> str:
        return f"{self._ops}/{kind}/{table}.json"

    def _read(self, kind: str, table: str) -> State | None:
        content = files.read_json(self._path(kind, table))
        return State.from_json(content) if content else None
