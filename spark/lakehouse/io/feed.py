"""Whether a change feed can still be read, from the Delta log's files alone: needs no engine.

VACUUM removes files but not the commits that name them: the engine plans such a feed without
complaint, and fails in the middle of the work.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote
from uuid import UUID

from pyarrow.fs import FileType

from lakehouse.io import files

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Action = dict[str, dict[str, Any]]
_Z85 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
_UUID_CHARACTERS = 20


def actions(uri: str, version: int) -> list[Action]:
    """What a commit did, as the log says.

    Raises:
        FileNotFoundError: The log does not reach back to it any more.
    """
    filesystem, root = files.locate(uri)
    with filesystem.open_input_stream(f"{root}/_delta_log/{version:020}.json") as stream:
        return [json.loads(line) for line in stream.read().splitlines() if line.strip()]


def is_whole(uri: str, after: int, until: int) -> bool:
    """Whether every file is there that the changes in versions (after, until] are made of."""
    filesystem, root = files.locate(uri)
    wanted: set[str] = set()
    for version in range(after + 1, until + 1):
        try:
            wanted.update(_read_by_feed(actions(uri, version)))
        except FileNotFoundError:
            return False
    infos = filesystem.get_file_info([f"{root}/{path}" for path in sorted(wanted)])
    return all(info.type == FileType.File for info in infos)


def _read_by_feed(actions: Iterable[Action]) -> Iterator[str]:
    """Change files where a commit has them, else the data files it added and removed."""
    changes = [each["cdc"] for each in actions if "cdc" in each]
    data = [each.get("add") or each.get("remove") for each in actions]
    for file in changes or [each for each in data if each and each["dataChange"]]:
        yield unquote(file["path"])
        vector = file.get("deletionVector")
        if vector and vector["storageType"] == "u":
            yield vector_path(vector["pathOrInlineDv"])


def vector_path(text: str) -> str:
    """The file of a deletion vector, from its name in the log: `[folder]<uuid in base 85>`."""
    folder, code = text[:-_UUID_CHARACTERS], text[-_UUID_CHARACTERS:]
    words = b"".join(_word(code[at : at + 5]) for at in range(0, _UUID_CHARACTERS, 5))
    return f"{folder}{'/' if folder else ''}deletion_vector_{UUID(bytes=words)}.bin"


def _word(five: str) -> bytes:
    number = 0
    for character in five:
        number = number * 85 + _Z85.index(character)
    return number.to_bytes(4, "big")
