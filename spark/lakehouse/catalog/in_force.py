"""The settings in force: what each is, and where it came from."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dotenv import dotenv_values
from pydantic import SecretStr

from lakehouse.settings import CONF_DIR, Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

_SECRET_PART = re.compile(
    r"(?<=://)[^/@\s]+(?=@)|(?<==)(?<=key=|ken=|ret=|ord=)[^;,\s]+", re.IGNORECASE
)
"""Who logs in by a URL, and the value of any …key=, …token=, …secret= or …password=."""


@dataclass(frozen=True)
class InForce:
    """One setting as it is in force.

    Attributes:
        name: Its environment variable.
        value: Its value; of a secret only whether there is one.
        source: environment, .env, conf/<env>.env or default.
        description: What it is.
    """

    name: str
    value: object
    source: str
    description: str


def in_force() -> list[InForce]:
    """All settings of this process, in the order of their declaration.

    Raises:
        ConfigError: A value is not legal; names the variable.
    """
    settings = load_settings()
    file = CONF_DIR / f"{settings.env}.env"
    sources: dict[str, Mapping[str, str | None]] = {  # the strongest first
        "environment": {name.upper(): value for name, value in os.environ.items()},
        ".env": _variables(Path(".env")),
        f"conf/{settings.env}.env": _variables(file),
    }
    found = []
    for field, declared in Settings.model_fields.items():
        name, value = f"LAKEHOUSE_{field.upper()}", getattr(settings, field)
        origin = next((each for each, held in sources.items() if name in held), "default")
        found.append(InForce(name, _masked(value), origin, declared.description or ""))
    return found


def _masked(value: object) -> object:
    """A value without what is secret in it: whole secrets, and parts of others that look so."""
    if isinstance(value, SecretStr):
        return "***" if value.get_secret_value() else ""
    return _SECRET_PART.sub("***", value) if isinstance(value, str) else value


def _variables(file: Path) -> dict[str, str | None]:
    """The variables of a file, as pydantic reads it: in any case."""
    return {name.upper(): value for name, value in dotenv_values(file).items()}
