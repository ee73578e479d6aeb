"""What the lake's own broker is told: one process that is broker and controller, on loopback."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lakehouse.io.kafka import Spot

DATA = "data"
LOG = "broker.log"
RETENTION_HOURS = 7 * 24
RETENTION_BYTES = 10 << 30
"""Of one partition: what the broker forgets is gone from a consumer that has not read it."""
SEGMENT_BYTES = 256 << 20
"""What a killed broker reads again of each partition, at most, before it answers."""
MESSAGE_BYTES = 16 << 20
"""A dead letter is its record and the reasons, so it must be able to be longer than any record."""
ONCE = {"replication.factor": 1, "num.partitions": 1}
LOG_BYTES = 5 << 20


def server_properties(spot: Spot) -> str:
    """The broker's `server.properties`; paths are relative to its folder, so none needs escapes."""
    properties: dict[str, object] = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@{spot.controller}",
        "listeners": f"BROKER://{spot.bootstrap},CONTROLLER://{spot.controller}",
        "advertised.listeners": f"BROKER://{spot.bootstrap}",
        "listener.security.protocol.map": "BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "BROKER",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": DATA,
        "auto.create.topics.enable": "false",  # a typing error is no topic
        "default.replication.factor": 1,
        # A killed broker is let in again once its own controller gave up on it: 9 s by default.
        "broker.session.timeout.ms": 2000,
        "broker.heartbeat.interval.ms": 500,
        "group.initial.rebalance.delay.ms": 0,  # nobody else is about to join
        "log.retention.hours": RETENTION_HOURS,
        "log.retention.bytes": RETENTION_BYTES,
        "log.segment.bytes": SEGMENT_BYTES,
        "message.max.bytes": MESSAGE_BYTES,
        "log.cleaner.dedupe.buffer.size": 16 << 20,  # by default a quarter of our heap
    }
    for topic in ("offsets.topic", "transaction.state.log", "share.coordinator.state.topic"):
        properties |= {f"{topic}.{name}": value for name, value in ONCE.items()}
    for topic in ("transaction.state.log", "share.coordinator.state.topic"):
        properties[f"{topic}.min.isr"] = 1
    return _lines(properties)


def logging_properties() -> str:
    """The broker's `log4j2.properties`: one file, and its predecessor once it is full."""
    layout = "%d{yyyy-MM-dd'T'HH:mm:ss.SSS}{UTC}Z %p %c{1} %m%n"
    return _lines(
        {
            "status": "error",
            "appender.file.type": "RollingFile",
            "appender.file.name": "file",
            "appender.file.fileName": LOG,
            "appender.file.filePattern": f"{LOG}.%i",
            "appender.file.layout.type": "PatternLayout",
            "appender.file.layout.pattern": layout,
            "appender.file.policy.type": "SizeBasedTriggeringPolicy",
            "appender.file.policy.size": LOG_BYTES,
            "appender.file.strategy.type": "DefaultRolloverStrategy",
            "appender.file.strategy.max": 1,
            "rootLogger.level": "info",
            "rootLogger.appenderRef.file.ref": "file",
        }
    )


def _lines(properties: dict[str, object]) -> str:
    return "".join(f"{name}={value}\n" for name, value in properties.items())
