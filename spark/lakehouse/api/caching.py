"""How answers are kept: three strategies, of which each endpoint declares one.

What is no longer fresh is kept on for an hour, and told, marked, while the marts are away.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TimeToLive:
    """Kept for a time, whatever is published meanwhile: for what readers need not have at once.

    Attributes:
        seconds: So old an answer may be.
    """

    seconds: float


@dataclass(frozen=True)
class ByVersion:
    """Kept under the published versions: a publication makes older answers unreachable."""


@dataclass(frozen=True)
class RefreshAhead:
    """Kept for a time; asked for in the last part of it, it is made anew in the background.

    Who asks for a hot figure never waits for it: not even when it was published anew.

    Attributes:
        seconds: So old an answer may be.
        ahead: Asked for when it is older than this, or when there is a newer version, it is made
            anew, once, while the old one is told.
    """

    seconds: float = 30.0
    ahead: float = 10.0


Strategy = TimeToLive | ByVersion | RefreshAhead
