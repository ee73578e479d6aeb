"""Landing files of a scale: made once, then cut into what is there and what comes the next day."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

PROJECT = Path(__file__).resolve().parents[2]
PEERS = PROJECT / "spark/benchmarks/peers"
GENERATOR = PROJECT / "scripts/generate_synthetic_data.py"
DAYS, SEED, DIRTY = 90, 10, 0.01
SCALES = {
    "20k": (20_000, 920),
    "100k": (100_000, 4_600),
    "1m": (1_000_000, 46_000),
    "10m": (10_000_000, 460_000),
    "30m": (30_000_000, 1_380_000),
}
"""Interactions and users; one user has 5 % of the rows."""
PAST = 45
"""Which day's file comes late, for the backfill."""


@dataclass(frozen=True)
class Landing:
    """Three landing folders of one data set.

    Attributes:
        whole: Every file.
        base: All but the last day's and one past day's.
        last: The file of the last day of delivery: new rows, and late ones of the days before.
        past: The file of the past day.
        digest: Hash of all bytes.
    """

    whole: Path
    base: Path
    last: Path
    past: Path
    digest: str

    @classmethod
    def of(cls, scale: str, folder: Path) -> Landing:
        """Make the files of a scale below a folder, unless they are there."""
        whole, base = folder / scale / "whole", folder / scale / "base"
        interactions, users = SCALES[scale]
        generate(whole, interactions, users, DAYS)
        files = sorted((whole / "user_interactions").iterdir())
        last, past = files[-1], files[PAST]
        shutil.rmtree(base, ignore_errors=True)
        link(whole, base, leave_out=(last, past))
        digest = hashlib.blake2b(digest_size=8)
        for file in (*files, *sorted((whole / "user_metadata").iterdir())):
            digest.update(file.read_bytes())
        return cls(whole, base, last, past, digest.hexdigest())


LAST_DAY = "2026-03-31"
"""Over whenever this runs: rows of days to come would wait."""


def generate(folder: Path, interactions: int, users: int, days: int) -> None:
    """Make landing files, one per source and day of delivery, unless they are there."""
    if (folder / "truth.json").exists():
        return
    words = f"--interactions {interactions} --users {users} --days {days} --seed {SEED} --daily"
    words += f" --end {LAST_DAY}"
    subprocess.run(  # noqa: S603  # our own script
        [
            *(sys.executable, str(GENERATOR), "--out", str(folder), *words.split()),
            *("--dirty", str(DIRTY), "--domains", "interactions", "--force"),
        ],
        check=True,
    )


def link(source: Path, target: Path, leave_out: Collection[Path] = ()) -> None:
    """The same files under another folder, without copying their bytes."""
    for file in source.rglob("*"):
        if file.is_file() and file not in leave_out:
            there = target / file.relative_to(source)
            there.parent.mkdir(parents=True, exist_ok=True)
            os.link(file, there)
