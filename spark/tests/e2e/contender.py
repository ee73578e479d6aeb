"""One of two processes that write the same table, round by round; run by test_concurrency.

Arguments: own name, rounds, folder to meet the other in, `locked` or `unlocked`. Prints a JSON line
a round: exit code, run id and the version it believes to have committed.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from lakehouse.catalog.registry import registry
from lakehouse.engine import run
from lakehouse.engine.job import new_request
from lakehouse.engine.lake import Lake
from lakehouse.io.state import State, StateStore
from lakehouse.settings import current_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

TABLE = "bronze.user_signups"
ROWS_A_ROUND = 3
PATIENCE = 240
proposed: list[State] = []


@contextlib.contextmanager
def no_lock(*_: object) -> Iterator[int]:
    """What the control runs with in place of the table's lock."""
    yield 1


class Witness(StateStore):
    """Remembers what this process believes to have committed."""

    def propose(self, state: State) -> None:
        proposed.append(state)
        super().propose(state)


def meet(folder: Path, name: str, moment: str) -> None:
    """Wait until the other process is here, too."""
    (folder / f"{moment}-{name}").touch()
    deadline = time.monotonic() + PATIENCE
    while len(list(folder.glob(f"{moment}-*"))) < 2:  # there are two of us
        if time.monotonic() > deadline:
            raise TimeoutError(moment)
        time.sleep(0.002)


def land(name: str, number: int) -> None:
    """A file of our own; the other process sees it as well."""
    folder = Path(current_settings().raw_uri) / "user_signups"
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        {"user_id": f"{name}-{number}-{i}", "signup_date": "2026-01-01"}
        for i in range(ROWS_A_ROUND)
    ]
    hidden = folder / f".{name}-{number}"  # landing ignores it until it is whole
    hidden.write_text("".join(json.dumps(row) + "\n" for row in rows))
    hidden.rename(folder / f"{name}-{number}.jsonl")


def main(name: str, rounds: int, folder: Path, mode: str) -> None:
    if mode == "unlocked":
        run.table_lock = no_lock
    with Lake(current_settings(), registry()) as lake:
        lake.states = Witness(current_settings())
        lake.host.start()
        for number in range(rounds):
            land(name, number)
            meet(folder, name, f"start-{number}")
            proposed.clear()
            outcome = run.run_table(lake, TABLE, new_request())
            last = proposed[-1] if proposed else None
            report = {
                "code": outcome.exit_code,
                "error": type(outcome.error).__name__ if outcome.error else None,
                "run_id": last.run_id if last else None,
                "version": last.version if last and last.version != last.base else None,
            }
            print(json.dumps(report), flush=True)  # noqa: T201  # read by the test
            meet(folder, name, f"end-{number}")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), sys.argv[4])
