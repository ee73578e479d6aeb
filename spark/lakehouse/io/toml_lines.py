"""Files of TOML, and the lines on which they say something."""

from __future__ import annotations

import re
import tomllib
from typing import Any

from lakehouse.errors import ConfigError

Keys = tuple[str | int, ...]
"""Where something stands in a file: names of tables and keys, numbers in lists."""


def parsed(text: str, where: str) -> dict[str, Any]:
    """What a file says.

    Raises:
        ConfigError: It is no TOML; names file and line.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        place = f"{where}:{line[1]}" if line else where
        raise ConfigError(f"{place}: not valid TOML: {error}") from error


def line_of(text: str, keys: Keys) -> int:
    """The line on which something is said, or that around it.

    What stands before a statement is a file of TOML by itself, and lacks what the statement says.
    """
    lines = text.splitlines(keepends=True)
    wanted = _known(tomllib.loads(text), keys)
    begin = 1
    for number in range(1, len(lines) + 1):
        try:
            content = tomllib.loads("".join(lines[:number]))
        except tomllib.TOMLDecodeError:
            continue  # in the middle of a statement
        if _known(content, wanted) == wanted:
            return begin
        begin = number + 1
    return begin


def _known(content: Any, keys: Keys) -> Keys:  # noqa: ANN401  # whatever the file says
    """As many of the keys as the content has; places in what is no list are passed over."""
    found: list[str | int] = []
    for key in keys:
        if isinstance(content, list) and isinstance(key, int):
            if key >= len(content):
                break
            content = content[key]
        elif isinstance(content, dict) and key in content:
            content = content[key]
        elif not isinstance(key, int):
            break
        else:
            continue
        found.append(key)
    return tuple(found)
