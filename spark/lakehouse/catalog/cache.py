"""What table modules declare, kept beside them as bytecode is: looking it up imports no engine.

The file is made anew when any file of the package is not the one it was made from; where it cannot
be read or written, the modules are imported as if there were no such thing.
"""

from __future__ import annotations

import contextlib
import hashlib
import pickle
import sys
import time
import uuid
from importlib.util import cache_from_source
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Made = TypeVar("Made")

_LOADED_NS = time.time_ns()


def cached(
    package: Path, make: Callable[[], Made], is_lasting: Callable[[Made], bool] = lambda _: True
) -> Made:
    """What `make` returns, as a rule without calling it.

    Args:
        package: Folder of the package whose code decides what that is.
        make: Makes it; errors are the caller's.
        is_lasting: Whether what was made follows from the files alone and may be kept.
    """
    stamp = _stamp(package)
    if stamp is None:
        return make()
    place = place_of(package)
    found: Made | None = _read(place, stamp)
    if found is None:
        found = make()
        if not sys.dont_write_bytecode and is_lasting(found):
            _write(place, stamp, found)
    return found


def place_of(package: Path) -> Path:
    """Where it is kept: with the bytecode of the tables."""
    return Path(cache_from_source(str(package / "tables" / "registry.py"))).with_suffix(".pickle")


def _stamp(package: Path) -> bytes | None:
    """Which files the package has now; None when they may not be the ones this process runs."""
    try:
        files = {str(path): path.stat() for path in package.rglob("*.py")}
    except OSError:
        return None
    if any(file.st_mtime_ns > _LOADED_NS for file in files.values()):
        return None
    lines = (f"{path} {file.st_size} {file.st_mtime_ns}" for path, file in sorted(files.items()))
    return hashlib.blake2b("\n".join(lines).encode(), digest_size=16).digest()


def _read(place: Path, stamp: bytes) -> Any | None:  # noqa: ANN401  # see above
    try:
        content = place.read_bytes()
        if not content.startswith(stamp):
            return None
        # Ours: whoever can write here can write the bytecode beside it.
        return pickle.loads(content[len(stamp) :])  # noqa: S301
    except Exception:  # noqa: BLE001  # a broken pickle raises anything; it is only made anew
        return None


def _write(place: Path, stamp: bytes, found: object) -> None:
    temporary = place.with_name(f".{place.name}.{uuid.uuid4().hex}")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(stamp + pickle.dumps(found))
        temporary.replace(place)
    except Exception:  # noqa: BLE001  # as above: the next process makes it again
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
