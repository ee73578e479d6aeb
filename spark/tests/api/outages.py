"""What is between a client and a server when the network or the server is ill."""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Literal

from lakehouse.engines.ports import LOOPBACK, free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

Mode = Literal["up", "down", "frozen", "slow"]
SLOW_SECONDS = 5.0


class Wire:
    """Hands bytes on between clients and a server.

    `frozen` takes connections and says nothing until it is well; `slow` hands on what came while
    it is so after five seconds, in its order, however well it is by then.
    """

    def __init__(self, port: int) -> None:
        self.mode: Mode = "up"
        self._target = (LOOPBACK, port)
        self._socket = socket.create_server((LOOPBACK, 0))
        self.port = self._socket.getsockname()[1]
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._ended = threading.Event()
        self._start(self._accept)

    def become(self, mode: Mode) -> None:
        """Be ill, or well again; who is connected while it goes down is cut off."""
        self.mode = mode
        if mode == "down":
            for each in list(self._open):
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End."""
        self._ended.set()
        self.become("down")
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes whoever waits for a connection
        for thread in self._threads:
            thread.join(5)

    def _start(self, target: Callable[..., None], *arguments: object) -> threading.Thread:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        thread.start()
        self._threads.append(thread)
        return thread

    def _accept(self) -> None:
        with self._socket, suppress(OSError):
            while True:
                client, _ = self._socket.accept()
                if self.mode == "down":
                    client.close()
                else:
                    self._start(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._target) as server:
            self._open |= {client, server}
            back = self._start(self._hand_on, server, client)
            self._hand_on(client, server)
            back.join()
            self._open -= {client, server}

    def _hand_on(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                if self.mode == "slow":
                    self._ended.wait(SLOW_SECONDS)
                while self.mode == "frozen":
                    time.sleep(0.01)
                target.sendall(data)
        for each in (source, target):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


@contextmanager
def wire(port: int) -> Iterator[Wire]:
    """A wire to a server of this machine."""
    made = Wire(port)
    try:
        yield made
    finally:
        made.close()


@contextmanager
def redis_server(binary: str, folder: Path) -> Iterator[int]:
    """A Redis or Valkey of its own; its port."""
    port = free_port()
    process = subprocess.Popen(
        [binary, "--port", str(port), "--bind", LOOPBACK, "--save", "", "--dir", str(folder)],
        stdout=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 10
        while True:
            with suppress(OSError), socket.create_connection((LOOPBACK, port), 1):
                break
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield port
    finally:
        process.terminate()
        process.wait(10)
