"""Every error the lakehouse raises on purpose, with its exit code and whether a retry can help.

A message says what is wrong, where, and what to do; `details` holds the facts (`table`, `path`, …).
Any other exception is a bug and exits with 70.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable

EXIT_DATA = 65
EXIT_BUG = 70
EXIT_RETRY = 75
EXIT_CONFIG = 78


def close_to(name: str, known: Iterable[str]) -> str:
    """` Did you mean …?` with the closest of the known names; empty where none is close."""
    close = get_close_matches(name, list(known), n=3, cutoff=0.5)
    return f" Did you mean {' or '.join(close)}?" if close else ""


class LakehouseError(Exception):
    """Base of all expected failures.

    Attributes:
        exit_code: What the process exits with.
        retry: Whether the same command may succeed later without a person's help.
        details: The facts behind the sentence, for logs and `--json`.
    """

    exit_code: ClassVar[int] = EXIT_BUG
    retry: ClassVar[bool] = False

    def __init__(self, message: str, **details: object) -> None:
        """Keep the sentence and the facts."""
        super().__init__(message)
        self.details = details


def exit_code_of(error: BaseException | None) -> int:
    """Exit code that an error asks for; 0 without one."""
    if error is None:
        return 0
    return error.exit_code if isinstance(error, LakehouseError) else EXIT_BUG


class ConfigError(LakehouseError):
    """A setting, argument or the environment is wrong; nothing was started."""

    exit_code = EXIT_CONFIG


class TableDefinitionError(ConfigError):
    """A table file contradicts itself. `details` holds file and line."""


class UnknownTableError(ConfigError):
    """No table, layer or source has this name."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        """Suggest the closest known names."""
        known = list(known)
        close = get_close_matches(name, known, n=3, cutoff=0.5)
        super().__init__(
            f"unknown table or selector '{name}'.{close_to(name, known)} "
            "`lakehouse tables` lists all tables.",
            name=name,
            close=close,
        )


class MigrationNeededError(ConfigError):
    """The stored columns of a table differ from the declared ones; nothing was written."""


class SchemaRefusedError(ConfigError):
    """A text is no JSON Schema, or one that cannot be judged."""


class RegistryRefusedError(ConfigError):
    """The schema registry refuses a request for good; `details` holds its error code."""


class UpstreamMissingError(LakehouseError):
    """An input has not arrived or was never published."""

    exit_code = EXIT_RETRY
    retry = True


class UpstreamStaleError(LakehouseError):
    """An input is older than the table accepts."""

    exit_code = EXIT_RETRY
    retry = True


class UpstreamLaterError(ConfigError):
    """An input holds rows that happened after the requested as-of date."""


class SchemaMismatchError(LakehouseError):
    """The input or the stored table does not have the declared columns."""

    exit_code = EXIT_DATA


class DamagedTableError(LakehouseError):
    """Files of a published table are missing, or differ from what was written."""

    exit_code = EXIT_DATA


class InputQualityError(LakehouseError):
    """The input gate is red; nothing was written."""

    exit_code = EXIT_DATA


class OutputQualityError(LakehouseError):
    """The output gate is red; the previous version stays published."""

    exit_code = EXIT_DATA


class EventLogError(LakehouseError):
    """A file is not a Spark event log, is empty, or is damaged."""

    exit_code = EXIT_DATA


class LockedError(LakehouseError):
    """Another process is writing this table."""

    exit_code = EXIT_RETRY
    retry = True


class EngineError(LakehouseError):
    """The engine does not start, does not answer, or stopped during a run."""

    exit_code = EXIT_RETRY
    retry = True


class WriteConflictError(LakehouseError):
    """Another writer committed to the table between our read and our commit."""

    exit_code = EXIT_RETRY
    retry = True


class StorageError(LakehouseError):
    """The disk is full, a folder is not writable, or the object store does not answer."""

    exit_code = EXIT_RETRY
    retry = True


class PublishError(LakehouseError):
    """The serving database is unavailable or busy, or its content is not as expected."""

    exit_code = EXIT_RETRY
    retry = True


class PublishRefusedError(PublishError):
    """The serving database rejects rows for good; `details` names the table and the rows."""

    exit_code = EXIT_DATA
    retry = False


class BrokerError(LakehouseError):
    """No Kafka broker answers, or it does not start, or it refuses."""

    exit_code = EXIT_RETRY
    retry = True


class RegistryDamagedError(LakehouseError):
    """Files of the schema registry are damaged, or were changed by somebody else."""

    exit_code = EXIT_DATA


class RegistryError(LakehouseError):
    """The schema registry does not answer, or is busy."""

    exit_code = EXIT_RETRY
    retry = True


class AlertError(LakehouseError):
    """An alert could not be delivered."""

    exit_code = EXIT_RETRY
    retry = True
