"""A stream's pulse: a small file of when it last looked at its topic, and when nothing waited.

`ops.stream_batches` has no rows of times in which nothing came; without the pulse, a stream with
nothing to do and one that is gone would look alike.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from lakehouse.io import files

if TYPE_CHECKING:
    from lakehouse.settings import Settings

EVERY = timedelta(seconds=5)
"""A stream that looks more often writes no more often."""


@dataclass(frozen=True)
class Beat:
    """What a stream last told of itself.

    Attributes:
        topic: What it consumes.
        looked_at: When it last looked at the topic.
        fine_at: All that was there at that moment is consumed; when it began, before that is so.
        ended_at: When it was ended on purpose; None while it runs, and of one that crashed.
        waits: Whether records waited when it last looked.
    """

    topic: str
    looked_at: datetime
    fine_at: datetime
    ended_at: datetime | None = None
    waits: bool = False


class Pulse:
    """The pulse of one stream, which writes it."""

    def __init__(self, settings: Settings, topic: str) -> None:
        """Go on with what the process before knew: it is since then that records may wait."""
        self._uri = f"{_folder(settings)}/{topic}.json"
        self._topic = topic
        self._beat = _read(self._uri)
        self._written: datetime | None = None

    def beat(self, now: datetime, *, fine_at: datetime | None) -> None:
        """Tell of a look.

        Args:
            now: The moment.
            fine_at: Everything of that moment is consumed; None where something waits or failed.
        """
        since = fine_at or (self._beat.fine_at if self._beat else now)
        waits = fine_at is None
        is_news = self._beat is None or self._beat.waits != waits or self._beat.ended_at is not None
        self._beat = Beat(self._topic, now, since, waits=waits)
        if is_news or self._written is None or now - self._written >= EVERY:
            self._write(now)

    def end(self, now: datetime) -> None:
        """Tell that the stream was ended on purpose."""
        if self._beat is not None:
            self._beat = replace(self._beat, ended_at=now)
            self._write(now)

    def _write(self, now: datetime) -> None:
        assert self._beat is not None  # noqa: S101  # for mypy: both callers have set it
        files.write_json(self._uri, asdict(self._beat))
        self._written = now


def pulses(settings: Settings) -> list[Beat]:
    """The newest beat of each stream that ever ran."""
    found = files.list_files(_folder(settings))
    names = sorted(info.base_name for info in found if info.base_name.endswith(".json"))
    beats = (_read(f"{_folder(settings)}/{name}") for name in names)
    return [each for each in beats if each is not None]


def _folder(settings: Settings) -> str:
    return f"{settings.root_uri}/ops/streams"


def _read(uri: str) -> Beat | None:
    """What a file tells; one that is damaged tells nothing, and the next beat replaces it."""
    try:
        content: dict[str, Any] = files.read_json(uri) or {}
        moments = {
            name: datetime.fromisoformat(content[name]).astimezone(UTC)
            for name in ("looked_at", "fine_at", "ended_at")
            if content.get(name)
        }
        return Beat(**content | moments)
    except (TypeError, ValueError):
        return None
