"""A PostgreSQL of the lake's own, from the machine's binaries: for whoever runs none.

It lives in `<root>/.postgres` (a copy of marts: deleting it loses nothing that `lakehouse publish`
does not bring back), listens on loopback alone, and has two roles with generated passwords: one
that publishes, one that reads. PostgreSQL refuses to run as root; invoked by root it runs as the
`postgres` user of the machine, or as `nobody`.
"""

from __future__ import annotations

import hashlib
import json
import os
import pwd
import secrets
import shutil
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from lakehouse.engines.ports import LOOPBACK, free_port
from lakehouse.errors import ConfigError, PublishError
from lakehouse.io import postgres
from lakehouse.io.postgres import execute
from lakehouse.io.sql import literal
from lakehouse.serving.roles import READER, WRITER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lakehouse.settings import Settings

DATABASE = "lakehouse"
START_SECONDS = 60
_DEBIAN = Path("/usr/lib/postgresql")
_OUT_OF_REACH = Path("/var/lib/lakehouse")


@dataclass(frozen=True)
class Embedded:
    """Where the database of a lake is.

    Attributes:
        home: Its folder.
        user: Whom it runs as when invoked by root; empty otherwise.
    """

    home: Path
    user: str

    @classmethod
    def of(cls, settings: Settings) -> Embedded:
        """The database of this lake, there or not.

        Raises:
            ConfigError: The lake is on an object store: no folder to put a database in.
        """
        if settings.is_remote:
            message = "a lake on an object store has no database of its own"
            raise ConfigError(f"{message}; set LAKEHOUSE_POSTGRES_URL")
        home = Path(settings.root_uri) / ".postgres"
        if os.geteuid() != 0:
            return cls(home, "")
        user = next((n for n in ("postgres", "nobody") if _is_user(n)), "")
        if not all(_lets_others_in(folder) for folder in home.parents if folder.exists()):
            digest = hashlib.blake2b(str(home).encode(), digest_size=6).hexdigest()
            home = _OUT_OF_REACH / digest
        return cls(home, user)

    @property
    def data(self) -> Path:
        """PostgreSQL's own folder."""
        return self.home / "data"

    @property
    def _secrets(self) -> Path:
        """Passwords of the roles; there when the making is done."""
        return self.home / "secrets.json"

    @property
    def log(self) -> Path:
        """What it says."""
        return self.data / "server.log"

    @property
    def port(self) -> int | None:
        """Where it listens; None when it does not run."""
        with suppress(OSError, ValueError, IndexError):
            lines = (self.data / "postmaster.pid").read_text().splitlines()
            if psutil.Process(int(lines[0])).name().startswith("postgres"):
                return int(lines[3])
        return None

    def url(self, role: str) -> str | None:
        """How a role connects; None when it does not run."""
        port = self.port
        if port is None or not self._secrets.exists():
            return None
        password = json.loads(self._secrets.read_text())[role]
        return f"postgresql://{role}:{password}@{LOOPBACK}:{port}/{DATABASE}"

    def up(self) -> bool:
        """Make it when it is missing, start it when it does not run; whether it had to be started.

        Raises:
            ConfigError: This machine has no PostgreSQL.
            PublishError: It does not start; names its log.
        """
        if self.port is not None and self._secrets.exists():
            return False
        binaries = find_binaries()
        if not self._secrets.exists():
            self.down()  # one whose making died before its passwords were kept
            self._make(binaries)
        self._start(binaries)
        return True

    def down(self) -> bool:
        """Stop it; whether it ran."""
        if self.port is None:
            return False
        self._control(find_binaries(), "stop", "-m", "fast")
        return True

    def _make(self, binaries: Path) -> None:
        shutil.rmtree(self.home, ignore_errors=True)  # a cluster without its passwords is of no use
        self.data.mkdir(parents=True, mode=0o700)
        self.home.chmod(0o711)
        passwords = {role: secrets.token_urlsafe(24) for role in ("postgres", WRITER, READER)}
        word = self.data.parent / "initial"
        _write_private(word, passwords["postgres"])
        if self.user:
            shutil.chown(self.data, self.user)
            shutil.chown(word, self.user)
        try:
            self._call(
                *(str(binaries / "initdb"), "--pgdata", str(self.data), "--pwfile", str(word)),
                *("--username", "postgres", "--auth", "scram-sha-256"),
                *("--encoding", "UTF8", "--locale", "C.UTF-8"),
            )
        finally:
            word.unlink()
        _write_private(self.home / "making.json", json.dumps(passwords))
        self._start(binaries)
        try:
            self._make_roles(passwords)
        finally:
            self._control(binaries, "stop", "-m", "fast")
        (self.home / "making.json").rename(self._secrets)

    def _make_roles(self, passwords: dict[str, str]) -> None:
        url = f"postgresql://postgres:{passwords['postgres']}@{LOOPBACK}:{self.port}/postgres"
        with postgres.connection(url) as opened:
            for role in (WRITER, READER):
                secret = literal(passwords[role])
                execute(opened, f"CREATE ROLE {role} LOGIN PASSWORD {secret}")
            execute(opened, f"CREATE DATABASE {DATABASE} OWNER {WRITER}")
            execute(opened, f"REVOKE ALL ON DATABASE {DATABASE} FROM PUBLIC")
            execute(opened, f"GRANT CONNECT ON DATABASE {DATABASE} TO {READER}")
            execute(opened, f"ALTER ROLE {READER} SET default_transaction_read_only = on")

    def _start(self, binaries: Path) -> None:
        options = f"-p {free_port()} -c listen_addresses={LOOPBACK} -c unix_socket_directories=''"
        self._control(binaries, "start", "-o", options, "-l", str(self.log))

    def _control(self, binaries: Path, verb: str, *arguments: str) -> None:
        command = [str(binaries / "pg_ctl"), verb, "--pgdata", str(self.data), "--wait"]
        self._call(*command, "--timeout", str(START_SECONDS), *arguments)

    def _call(self, *command: str) -> None:
        account = pwd.getpwnam(self.user) if self.user else None
        done = subprocess.run(  # noqa: S603  # its own arguments
            command,
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
            extra_groups=[] if account else None,
            env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8", "TZ": "UTC"},
        )
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["no word"]
            name = Path(command[0]).name
            raise PublishError(f"{name} failed: {said[0]}; see {self.log}")


def find_binaries() -> Path:
    """The folder of this machine's PostgreSQL programs, newest first.

    Raises:
        ConfigError: There is none; says what to install.
    """
    folders = []
    if on_path := shutil.which("initdb"):
        folders.append(Path(on_path).resolve().parent)
    if config := shutil.which("pg_config"):
        done = subprocess.run(  # noqa: S603  # what is on the path
            [config, "--bindir"], capture_output=True, text=True, check=False
        )
        folders.append(Path(done.stdout.strip()))
    with suppress(OSError):
        versions = sorted(_DEBIAN.iterdir(), key=lambda folder: _number(folder.name))
        folders += [folder / "bin" for folder in reversed(versions)]
    needed: Sequence[str] = ("initdb", "pg_ctl", "postgres")
    for folder in folders:
        if all((folder / name).exists() for name in needed):
            return folder
    message = "PostgreSQL is not installed; install it (Debian: apt-get install postgresql)"
    raise ConfigError(f"{message}, or set LAKEHOUSE_POSTGRES_URL")


def _number(text: str) -> float:
    with suppress(ValueError):
        return float(text)
    return 0.0


def _is_user(name: str) -> bool:
    with suppress(KeyError):
        return bool(pwd.getpwnam(name))
    return False


def _lets_others_in(folder: Path) -> bool:
    return bool(folder.stat().st_mode & 0o001)


def _write_private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text)
