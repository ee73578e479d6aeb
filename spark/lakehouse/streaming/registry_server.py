"""The registry's process: its port, and what it makes sure of before it answers."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import uvicorn

from lakehouse.engines.ports import LOOPBACK
from lakehouse.errors import ConfigError, RegistryDamagedError
from lakehouse.streaming.registry_app import app_of

if TYPE_CHECKING:
    from lakehouse.streaming.registry import Registry


def listen(port: int) -> socket.socket:
    """A socket of this machine alone; port 0 is any that is free.

    The registry knows no users: whoever reaches it may register and delete.

    Raises:
        ConfigError: Somebody else has the port.
    """
    try:
        return socket.create_server((LOOPBACK, port))
    except OSError as error:
        raise ConfigError(
            f"cannot listen on port {port}: {error.strerror}; choose another with --port"
        ) from error


def assert_sound(registry: Registry) -> None:
    """What is stored is as it was checked when it was registered.

    Raises:
        RegistryDamagedError: It is not; names each version and what is wrong with it.
    """
    with registry.files.locked():
        registry.files.clear_leftovers()
        problems = list(registry.problems())
    if problems:
        raise RegistryDamagedError(
            f"the registry in {registry.files.folder} is not as it was registered: "
            f"{'; '.join(problems)}; put back a copy of its files, or serve it --unchecked and "
            "delete these versions",
            problems=problems,
        )


def serve(registry: Registry, listener: socket.socket) -> None:
    """Answer requests until the process is told to end."""
    config = uvicorn.Config(app_of(registry), log_level="warning", access_log=False, lifespan="off")
    uvicorn.Server(config).run(sockets=[listener])
