"""What Prometheus asks a stream: `/metrics` on a port, on loopback unless a setting says more."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    start_http_server,
)

from lakehouse.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from lakehouse.observability.incidents import Incident
    from lakehouse.streaming.telemetry import Measured

SECONDS = (0.5, 1, 2, 3, 5, 7.5, 10, 15, 20, 30, 60, 120, 300)
_TOPIC = ("topic",)


class Metrics:
    """The figures of one stream, in a registry of their own."""

    def __init__(self, topic: str) -> None:
        """All counters stand at 0, so that the first rise is one."""
        self.registry = CollectorRegistry()
        self._topic = topic
        ProcessCollector(registry=self.registry)
        self._lag = Gauge(
            "lakehouse_stream_lag_records",
            "Records of the topic that are not consumed, as of the newest look or batch.",
            ("topic", "partition"),
            registry=self.registry,
        )
        self._records = Counter(
            "lakehouse_stream_records", "Offsets consumed.", _TOPIC, registry=self.registry
        ).labels(topic)
        self._rate = Gauge(
            "lakehouse_stream_events_per_second",
            "Offsets that the newest batch consumed, by the seconds it took.",
            _TOPIC,
            registry=self.registry,
        ).labels(topic)
        self._seconds = Histogram(
            "lakehouse_stream_batch_seconds",
            "Seconds that a batch took.",
            _TOPIC,
            buckets=SECONDS,
            registry=self.registry,
        ).labels(topic)
        self._freshness = Gauge(
            "lakehouse_stream_freshness_seconds",
            "Seconds from an event to when it could be read, in the newest batch with events.",
            ("topic", "quantile"),
            registry=self.registry,
        )
        self._rejected = Counter(
            "lakehouse_stream_rejected_records", "Records rejected.", _TOPIC, registry=self.registry
        ).labels(topic)
        self._failed = Counter(
            "lakehouse_stream_failed_batches",
            "Batches, and looks at the topic, in which something failed.",
            _TOPIC,
            registry=self.registry,
        ).labels(topic)
        self._success = Gauge(
            "lakehouse_stream_last_success_timestamp_seconds",
            "When a batch last ended well, or nothing was to be consumed.",
            _TOPIC,
            registry=self.registry,
        ).labels(topic)
        self._alerts = Gauge(
            "lakehouse_alerts_open",
            "Alerts that are open.",
            ("topic", "severity"),
            registry=self.registry,
        )

    def looked(self, lag: Mapping[int, int]) -> None:
        """A look at the topic."""
        for partition, n in lag.items():
            self._lag.labels(self._topic, partition).set(n)

    def fine(self, now: datetime) -> None:
        """All is consumed."""
        self._success.set(now.timestamp())

    def saw(self, made: Measured) -> None:
        """A batch."""
        batch, fresh = made.batch, made.freshness
        self.looked(batch.lag)
        if made.error is not None:
            self._failed.inc()
        else:
            self.fine(made.ended_at)
        if not batch.outcomes:
            return
        self._seconds.observe(batch.seconds)
        if batch.error is None:
            self._records.inc(batch.n)
            self._rejected.inc(made.n_rejected)
            self._rate.set(batch.n / batch.seconds if batch.seconds else 0)
        for quantile, value in (("0.5", fresh.p50_s), ("0.99", fresh.p99_s)):
            if value is not None:
                self._freshness.labels(self._topic, quantile).set(value)

    def alerts(self, incidents: Iterable[Incident]) -> None:
        """The alerts that are open."""
        self._alerts.clear()
        for incident in incidents:
            self._alerts.labels(self._topic, incident.severity).inc()


@contextmanager
def served(metrics: Metrics, host: str, port: int) -> Iterator[None]:
    """Answer Prometheus meanwhile; not at all where the port is 0.

    Raises:
        ConfigError: Somebody else has the port, or the address is none of this machine's.
    """
    if not port:
        yield
        return
    try:
        server, thread = start_http_server(port, host, metrics.registry)
    except OSError as error:
        raise ConfigError(
            f"cannot serve metrics on {host}:{port}: {error.strerror}; choose another "
            "--metrics-port, or LAKEHOUSE_METRICS_HOST",
            port=port,
        ) from error
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
