"""The registry's rules: levels of compatibility, error codes, when two schemas are the same."""

from __future__ import annotations

import json
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING

from lakehouse.errors import RegistryRefusedError, SchemaRefusedError
from lakehouse.landing.compatibility import incompatible
from lakehouse.landing.schema_documents import canonical, parsed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lakehouse.streaming.registry_files import Version

NONE, BACKWARD, TRANSITIVE = "NONE", "BACKWARD", "BACKWARD_TRANSITIVE"
LEVELS = (NONE, BACKWARD, TRANSITIVE)
NO_SUBJECT, NO_VERSION, NO_SCHEMA = 40401, 40402, 40403
SUBJECT_DELETED, SUBJECT_NOT_DELETED = 40404, 40405
VERSION_DELETED, VERSION_NOT_DELETED = 40406, 40407
NO_LEVEL = 40408
INCOMPATIBLE = 409
INVALID_SCHEMA, INVALID_VERSION, INVALID_LEVEL = 42201, 42202, 42203
LATEST = "latest"
LARGEST = 2**31 - 1
"""Of a version's number: clients keep it in 32 bits."""


def number_of(text: str | int) -> int | None:
    """The number of a version; None for the latest.

    Raises:
        RegistryRefusedError: It is neither.
    """
    told = str(text).strip().lower()
    if told in {LATEST, "-1"}:
        return None
    if told.isascii() and told.isdecimal() and 0 < int(told[:11]) <= LARGEST:
        return int(told[:11])
    raise RegistryRefusedError(
        f"The specified version '{text}' is not a valid version id. Allowed values are between "
        f'[1, 2^31-1] and the string "{LATEST}"',
        code=INVALID_VERSION,
    )


def wrong_with(others: Sequence[Version], text: str) -> Iterator[str]:
    """Why a schema is not compatible with some versions."""
    after = parsed(text)
    for other in others:
        for where, what in incompatible(parsed(other.text), after):
            yield f"{where or 'the record'} {what} (compared with version {other.number})"


def key_of(text: str) -> str:
    """What two schemas share when they are the same.

    Raises:
        RegistryRefusedError: The text is no schema.
    """
    try:
        return _digest(parsed(text).content)
    except SchemaRefusedError as error:
        raise RegistryRefusedError(
            f"Invalid schema of type JSON, details: {error}", code=INVALID_SCHEMA
        ) from error


@lru_cache(maxsize=10_000)
def stored_key_of(text: str) -> str:
    """The same of a schema that was valid when it was registered."""
    return _digest(json.loads(text))


def _digest(content: object) -> str:
    return sha256(canonical(content).encode()).hexdigest()
