"""Where topics are: the brokers that a setting names, or the broker of the lake's own.

The lake's own writes down its process and its addresses in its folder (`Spot`); whoever produces
or consumes finds it there.
"""

from __future__ import annotations

import json
import logging
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from lakehouse.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lakehouse.settings import Settings

MAIN_CLASS = "kafka.Kafka"
SECRET = "sasl.password"  # noqa: S105  # its name


class ClientConfig(dict[str, Any]):
    """A configuration of librdkafka; shown without its password."""

    def __or__(self, more: Mapping[str, Any]) -> ClientConfig:  # type: ignore[override]  # narrower
        return ClientConfig({**self, **more})

    def __repr__(self) -> str:
        return repr({key: "***" if key == SECRET else value for key, value in self.items()})


@dataclass(frozen=True)
class Spot:
    """Where a broker of our own was started.

    Attributes:
        pid: Its process.
        bootstrap: Where clients reach it, as host:port.
        controller: Where it talks to itself, as host:port.
    """

    pid: int
    bootstrap: str
    controller: str


def own_home(settings: Settings) -> Path:
    """Folder of the lake's own broker, there or not.

    Raises:
        ConfigError: The lake is on an object store: no folder to put a broker in.
    """
    if settings.is_remote:
        message = "a lake on an object store has no Kafka of its own"
        raise ConfigError(f"{message}; set LAKEHOUSE_KAFKA_BOOTSTRAP")
    return Path(settings.root_uri) / ".kafka"


def properties_file(home: Path) -> Path:
    """What the broker of a folder was started with: the argument that tells it from any other."""
    return home / "server.properties"


def remember(home: Path, spot: Spot) -> None:
    """Write down where the broker of a folder is, whole or not at all."""
    part = home / "broker.json.part"
    part.write_text(json.dumps(asdict(spot)))
    part.replace(_memory(home))


def remembered(home: Path) -> Spot | None:
    """Where the broker of a folder was started last, running or not."""
    with suppress(OSError, ValueError, TypeError):
        return Spot(**json.loads(_memory(home).read_text()))
    return None


def running(home: Path) -> Spot | None:
    """Where the broker of a folder runs; None when its process is gone or is another's by now."""
    spot = remembered(home)
    if spot is None:
        return None
    with suppress(psutil.Error):
        command = psutil.Process(spot.pid).cmdline()
        if MAIN_CLASS in command and str(properties_file(home)) in command:
            return spot
    return None


def find(settings: Settings) -> str | None:
    """Brokers of this lake, as host:port,…; None when no topic can be reached now."""
    if settings.kafka_bootstrap:
        return settings.kafka_bootstrap
    if settings.is_remote:
        return None
    spot = running(own_home(settings))
    return spot.bootstrap if spot else None


def bootstrap(settings: Settings) -> str:
    """The same, where there must be one.

    Raises:
        ConfigError: No topic can be reached; says what to do.
    """
    found = find(settings)
    if found is None:
        start = "" if settings.is_remote else "run `lakehouse kafka up`, or "
        raise ConfigError(f"no topic can be reached: {start}set LAKEHOUSE_KAFKA_BOOTSTRAP")
    return found


def client_config(settings: Settings) -> ClientConfig:
    """What librdkafka needs to reach the topics of this lake, for every client there is.

    Raises:
        ConfigError: No topic can be reached, or the settings of security are incomplete.
    """
    return config_of(settings, bootstrap(settings))


def config_of(settings: Settings, servers: str) -> ClientConfig:
    """The same for brokers that somebody else found: what reads in a cluster has no port file.

    The settings of security are those of the brokers that LAKEHOUSE_KAFKA_BOOTSTRAP names; the
    lake's own listens on loopback alone, in plain text.

    Raises:
        ConfigError: The settings of security are incomplete.
    """
    config = ClientConfig({"bootstrap.servers": servers, "client.id": "lakehouse"})
    if not settings.kafka_bootstrap:
        return config
    config["security.protocol"] = settings.kafka_security
    if settings.kafka_security.startswith("sasl_"):
        config |= _login(settings)
    if settings.kafka_ca:
        config["ssl.ca.location"] = _certificates(settings)
    return config


def silent() -> logging.Logger:
    """For clients: librdkafka writes of every attempt to the terminal, and errors say the same."""
    logger = logging.getLogger("lakehouse.kafka")
    logger.propagate = False
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    return logger


def _login(settings: Settings) -> dict[str, str]:
    password = settings.kafka_password.get_secret_value()
    given = {
        "LAKEHOUSE_KAFKA_USERNAME": settings.kafka_username,
        "LAKEHOUSE_KAFKA_PASSWORD": password,
    }
    if missing := [name for name, value in given.items() if not value]:
        said = f"LAKEHOUSE_KAFKA_SECURITY={settings.kafka_security}"
        raise ConfigError(f"{said} needs {' and '.join(missing)}", missing=missing)
    return {
        "sasl.mechanism": settings.kafka_sasl_mechanism,
        "sasl.username": settings.kafka_username,
        SECRET: password,
    }


def _certificates(settings: Settings) -> str:
    if not settings.kafka_security.endswith("ssl"):
        said = f"LAKEHOUSE_KAFKA_SECURITY={settings.kafka_security}"
        raise ConfigError(f"LAKEHOUSE_KAFKA_CA is of no use with {said}; use ssl or sasl_ssl")
    path = Path(settings.kafka_ca).expanduser().resolve()
    if not path.is_file():
        raise ConfigError(f"LAKEHOUSE_KAFKA_CA={settings.kafka_ca}: there is no such file")
    return str(path)


def _memory(home: Path) -> Path:
    return home / "broker.json"
