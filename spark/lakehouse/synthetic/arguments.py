"""What a run is asked to make. One frozen object, checked when it is built."""

from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar

from lakehouse.errors import ConfigError

DOMAINS = ("growth", "interactions", "web")
INCIDENTS = ("planted", "none")
YESTERDAY = "yesterday"
_EARLIEST, _LATEST = date(2001, 1, 1), date(2150, 1, 1)
_MOST_DAYS = 3_650
_ENOUGH_WEB_EVENTS = 60_000


class ArgumentsError(ConfigError):
    """An argument is out of its range; the message is one line that names it."""

    exit_code: ClassVar[int] = 2


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """The size, period, seed and shape of the data; the same arguments give the same bytes.

    ``events``, ``interactions`` and ``web_events`` count clean rows (``interactions=None``: as many
    as ``events``; ``web_events=None``: as many, and at most 60,000); ``dirty`` is the share of
    each source's rows that gets dirt; ``incidents`` is ``none`` for data on which a detector should
    find nothing.
    """

    users: int = 10_000
    events: int = 200_000
    interactions: int | None = None
    web_events: int | None = None
    days: int = 90
    start: date = date(2026, 1, 1)
    seed: int = 42
    dirty: float = 0.01
    daily: bool = False
    gzip: bool = False
    domains: tuple[str, ...] = DOMAINS
    incidents: str = "planted"

    def __post_init__(self) -> None:
        unknown = [domain for domain in self.domains if domain not in DOMAINS]
        rules = (
            (self.users >= 1, f"--users must be at least 1, not {self.users}"),
            (self.events >= 0, f"--events must not be negative, not {self.events}"),
            (
                self.interactions is None or self.interactions >= 0,
                f"--interactions must not be negative, not {self.interactions}",
            ),
            (
                self.web_events is None or self.web_events >= 0,
                f"--web-events must not be negative, not {self.web_events}",
            ),
            (
                1 <= self.days <= _MOST_DAYS,
                f"--days must be between 1 and {_MOST_DAYS}, not {self.days}",
            ),
            (
                _EARLIEST <= self.start <= _LATEST,
                f"--start must be between {_EARLIEST} and {_LATEST}, not {self.start}",
            ),
            (self.seed >= 0, f"--seed must not be negative, not {self.seed}"),
            (0 <= self.dirty <= 1, f"--dirty must be between 0 and 1, not {self.dirty}"),
            (
                self.incidents in INCIDENTS,
                f"--incidents must be {' or '.join(INCIDENTS)}, not {self.incidents}",
            ),
            (bool(self.domains), f"--domains must name at least one of {', '.join(DOMAINS)}"),
            (
                not unknown,
                f"--domains knows {', '.join(DOMAINS)}, not {', '.join(unknown)}",
            ),
        )
        for holds, message in rules:
            if not holds:
                raise ArgumentsError(message)

    @property
    def interaction_rows(self) -> int:
        """Clean rows of ``user_interactions``."""
        return self.events if self.interactions is None else self.interactions

    @property
    def web_rows(self) -> int:
        """Clean rows of ``web_events``."""
        return min(self.events, _ENOUGH_WEB_EVENTS) if self.web_events is None else self.web_events

    def as_json(self) -> dict[str, Any]:
        """The arguments as ``truth.json`` records them."""
        return asdict(self) | {
            "start": self.start.isoformat(),
            "interactions": self.interaction_rows,
            "web_events": self.web_rows,
            "domains": list(self.domains),
        }


def first_day(start: str, end: str, days: int, *, default: date) -> date:
    """First day of the period of which the first or the last day is told, ``YYYY-MM-DD``.

    Args:
        start: The first day, or empty.
        end: The last day, ``yesterday`` (UTC) or empty.
        days: Length of the period.
        default: The first day where neither is told.
    """
    if start and end:
        raise ArgumentsError("--start and --end both say when; give one of them")
    if not end:
        return _parsed("--start", start) if start else default
    last = _yesterday() if end == YESTERDAY else _parsed("--end", end)
    try:
        return last - timedelta(days - 1)
    except OverflowError:
        raise ArgumentsError(f"--days is too many for --end {end}: {days}") from None


def _yesterday() -> date:
    return datetime.now(UTC).date() - timedelta(1)


def _parsed(option: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        message = f"{option} must be a date like 2026-01-01, not {text!r}"
        raise ArgumentsError(message) from None


def parse_domains(text: str) -> tuple[str, ...]:
    """``growth,web`` as names, in the order of ``DOMAINS``, each once."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    known = [domain for domain in DOMAINS if domain in names]
    unknown = [name for name in names if name not in DOMAINS]
    return (*known, *unknown)
