"""What is away is not asked by every request: after a failure it has a pause."""

from __future__ import annotations

import time


class Breaker:
    """Whether something is worth asking now.

    After a failure one request in each pause asks again; the others are told at once.
    """

    def __init__(self, pause_s: float) -> None:
        """Closed: everything is fine until it is not."""
        self._pause_s = pause_s
        self._asks_again_at: float | None = None

    @property
    def is_away(self) -> bool:
        """Whether it failed last."""
        return self._asks_again_at is not None

    def lets_through(self) -> bool:
        """Whether to ask it; the one who asks again keeps the others waiting for another pause."""
        if self._asks_again_at is None:
            return True
        now = time.monotonic()
        if now < self._asks_again_at:
            return False
        self._asks_again_at = now + self._pause_s
        return True

    def failed(self) -> None:
        """It did not answer."""
        self._asks_again_at = time.monotonic() + self._pause_s

    def answered(self) -> None:
        """It is there."""
        self._asks_again_at = None
