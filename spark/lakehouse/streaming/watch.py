"""Watching a stream: each batch in `ops.stream_batches` and in metrics, and its alerts.

Nothing here stops a stream: what fails is told, and tried again with the next batch.
"""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from lakehouse.catalog.status import Status
from lakehouse.io import ops
from lakehouse.observability import alerts
from lakehouse.observability.incidents import after, delivered
from lakehouse.streaming import alert_book
from lakehouse.streaming.conditions import Conditions, anomalies
from lakehouse.streaming.metrics import Metrics, served
from lakehouse.streaming.telemetry import measured

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from lakehouse.observability.incidents import Incident, Observation
    from lakehouse.settings import Settings
    from lakehouse.spec import Table
    from lakehouse.streaming.batches import Batch
    from lakehouse.streaming.telemetry import Measured

ANOMALIES, MINUTES = "gold.live_anomalies", "gold.live_minutes"
LONGEST_WAIT = 64
"""Rounds that a destination which fails again and again is left alone, at most."""
MOST_UNTOLD = 100
"""Alerts that recovered are kept for destinations that take nothing, the newest of them."""


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
        self._open: dict[str, Incident] = {}
        self._over: list[Incident] = []
        self._said = ""
        self._rests: dict[str, int] = {}
        self._rested: dict[str, int] = {}
        with self._harmless("reading ops.alerts"):
            for incident in alert_book.unfinished(settings, topic):
                self._put(incident)
        self.metrics.alerts(self.open)

    @property
    def open(self) -> list[Incident]:
        """Alerts that are open."""
        return list(self._open.values())

    def looked(self, lag: Mapping[int, int], *, is_idle: bool) -> None:
        """Hear of a look at the topic."""
        with self._harmless("hearing of a look"):
            self.metrics.looked(lag)
            if is_idle:
                now = self._clock()
                if self._conditions.is_whole:
                    self.metrics.fine(now)
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
            self._see(seen, now)

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
        """Open, keep and end alerts, write down what changed, and tell what is to be told."""
        with self._harmless("keeping alerts"):
            names = tuple(alerts.named(self._settings))
            quiet = timedelta(seconds=self._settings.alert_quiet_s)
            changed = []
            for each in seen:
                held = self._open.get(each.key)
                new = after(held, each, now, quiet=quiet, destinations=names)
                if new is not None and new is not held:
                    self._put(new)
                    changed.append(new)
            self._keep(changed, now)  # first: one that is told is known, whatever happens
            self._deliver(now)
            self.metrics.alerts(self.open)

    def _put(self, incident: Incident) -> None:
        self._open.pop(incident.key, None)
        self._over = [each for each in self._over if each.alert_id != incident.alert_id]
        if incident.is_open:
            self._open[incident.key] = incident
        elif incident.outbox:
            self._over = [*self._over, incident][-MOST_UNTOLD:]

    def _keep(self, incidents: Sequence[Incident], now: datetime) -> None:
        if incidents:
            with self._harmless("writing ops.alerts"):
                alert_book.write(self._settings, self._topic, incidents, now)

    def _deliver(self, now: datetime) -> None:
        """Tell what is to be told; who fails is tried with the next batch, then ever less often."""
        waiting = [each for each in (*self._over, *self._open.values()) if each.outbox]
        if not waiting:
            return
        urls = alerts.named(self._settings)
        resting = {name for name, rounds in self._rests.items() if rounds > 0}
        failed, told = set(resting), []
        for incident in waiting:
            new = delivered(
                incident, lambda name, alert: alerts.send_to(urls[name], alert), tuple(urls), failed
            )
            if new is not incident:
                self._replace(new)
                told.append(new)
        self._keep(told, now)
        self._rests = {name: rounds - 1 for name, rounds in self._rests.items() if rounds > 0}
        for name in failed - resting:
            longer = self._rested.get(name, -1) + 1
            self._rested[name] = longer
            self._rests[name] = min(2**longer - 1, LONGEST_WAIT)
            self._say(f"{name} did not take an alert; it is tried again")
        for name in set(urls) - failed:
            self._rested.pop(name, None)

    def _replace(self, new: Incident) -> None:
        if new.is_open:
            self._open[new.key] = new
        else:
            self._over = [new if e.alert_id == new.alert_id else e for e in self._over]
            self._over = [each for each in self._over if each.outbox]

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
