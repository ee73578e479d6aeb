"""Watching a stream: each batch in `ops.stream_batches` and in metrics, and its alerts.

Nothing here stops a stream: what fails is told, and tried again with the next batch.
"""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lakehouse.catalog.status import Status
from lakehouse.io import ops
from lakehouse.streaming.conditions import Conditions, anomalies
from lakehouse.streaming.metrics import Metrics, served
from lakehouse.streaming.pulse import Pulse
from lakehouse.streaming.telemetry import measured
from lakehouse.streaming.telling import Teller

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from lakehouse.observability.incidents import Incident, Observation
    from lakehouse.settings import Settings
    from lakehouse.spec import Table
    from lakehouse.streaming.batches import Batch
    from lakehouse.streaming.telemetry import Measured

ANOMALIES, MINUTES = "gold.live_anomalies", "gold.live_minutes"


def _utc() -> datetime:
    return datetime.now(UTC)


class Watch:
    """What is known of a stream while it runs."""

    def __init__(
        self,
        settings: Settings,
        topic: str,
        table: Table,
        *,
        say: Callable[[str], None],
        clock: Callable[[], datetime] = _utc,
    ) -> None:
        """Go on where the process before ended.

        Args:
            settings: The lake, its limits and its destinations.
            topic: What is consumed.
            table: The bronze table.
            say: Told what of the watching itself fails.
            clock: Tells the moment.
        """
        self.metrics = Metrics(topic)
        self._settings, self._topic, self._table = settings, topic, table
        self._say, self._clock = say, clock
        self._conditions = Conditions(settings, topic, clock())
        self._said = ""
        self._pulse = Pulse(settings, topic)
        self._teller = Teller(settings, topic, say=say, harmless=self._harmless)
        self.metrics.alerts(self.open)

    @property
    def open(self) -> list[Incident]:
        """Alerts that are open."""
        return self._teller.open

    def looked(self, lag: Mapping[int, int], *, is_idle: bool) -> None:
        """Hear of a look at the topic."""
        with self._harmless("hearing of a look"):
            self.metrics.looked(lag)
            if is_idle:
                now = self._clock()
                if self._conditions.is_whole:
                    self.metrics.fine(now)
                with self._harmless("writing the pulse"):
                    self._pulse.beat(now, fine_at=now)
                self._see(self._conditions.idle(now), now)

    def saw(self, batch: Batch) -> None:
        """Hear of a batch, once its tables can be read."""
        now = self._clock()
        with self._harmless("measuring a batch"):
            made = measured(self._settings, self._topic, self._table, batch, now)
            self.metrics.saw(made)
            seen = self._conditions.after(made)
            with self._harmless("writing ops.stream_batches"):
                self._write(made)
            with self._harmless(f"reading {ANOMALIES}"):
                seen += self._anomalies(batch)
            with self._harmless("writing the pulse"):
                is_fine = batch.error is None and not made.waiting
                self._pulse.beat(now, fine_at=batch.started_at if is_fine else None)
            self._see(seen, now)

    def ended(self) -> None:
        """The stream was ended on purpose: what comes now is nobody's delay."""
        with self._harmless("writing the pulse"):
            self._pulse.end(self._clock())

    def _write(self, made: Measured) -> None:
        ops.append(self._settings, "stream_batches", [made.row])

    def _anomalies(self, batch: Batch) -> list[Observation]:
        states = {
            each.table: each.state
            for each in batch.outcomes
            if each.state and each.outcome is Status.UPDATED
        }
        found, minutes = states.get(ANOMALIES), states.get(MINUTES)
        if found is None or minutes is None:
            return []
        query = (
            "SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY metric_name "
            "ORDER BY window_end DESC) AS place FROM t) WHERE place = 1"
        )
        rows = ops.query_delta(self._settings.table_uri(ANOMALIES), query, found.version)
        # A window ends where the minute begins that is not over.
        query = "SELECT max(minute_start) AS newest FROM t"
        (row,) = ops.query_delta(self._settings.table_uri(MINUTES), query, minutes.version)
        return list(anomalies(rows, row["newest"])) if row["newest"] else []

    def _see(self, seen: Sequence[Observation], now: datetime) -> None:
        with self._harmless("keeping alerts"):
            self._teller.see(seen, now)
            self.metrics.alerts(self.open)

    @contextmanager
    def _harmless(self, doing: str) -> Iterator[None]:
        """What fails here is said, once until something else does."""
        try:
            yield
        except Exception as error:  # noqa: BLE001  # watching must not stop what is watched
            told = f"{doing}: {error}"
            if told != self._said:
                self._said = told
                self._say(told)


@contextmanager
def watching(
    settings: Settings, topic: str, table: Table, say: Callable[[str], None]
) -> Iterator[Watch]:
    """Watch a stream meanwhile, and serve its metrics where the settings name a port.

    Raises:
        ConfigError: The port cannot be had.
    """
    watch = Watch(settings, topic, table, say=say)
    with served(watch.metrics, settings.metrics_host, settings.metrics_port):
        yield watch
        watch.ended()  # not after an error: nobody wanted that end
