"""`lakehouse`, with one of its protections taken away: what the controls of the fault tests run.

The first argument names what is taken, the others are those of the command.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lakehouse.engines.duckdb.activation import activate
from lakehouse.settings import current_settings

if current_settings().engine == "duckdb":
    activate()  # before anything imports PySpark

from lakehouse.cli import main
from lakehouse.engine import stages
from lakehouse.errors import UpstreamMissingError
from lakehouse.landing import topic
from lakehouse.streaming import batches

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lakehouse.engine.job import Job


def positions_apart_from_rows() -> None:
    """What is about to be read counts as consumed, as with offsets that are committed to Kafka."""
    ingest = stages.ingest

    def eager(job: Job, arrivals: Any, position: str, *, whole: bool) -> Any:
        if job.published is not None:
            job.states.replace(replace(job.published, position=position))
        return ingest(job, arrivals, position, whole=whole)

    stages.ingest = eager


def ranges_of_a_process() -> None:
    """A range that is read again has another name, so its rejects replace nothing."""
    topic._mark = lambda _: f"#{os.getpid()}"  # what is taken away


def lock() -> None:
    """Nobody is told that another one consumes."""

    @contextmanager
    def together(*_: object) -> Iterator[None]:
        yield

    batches.alone = together


def retry() -> None:
    """A broker that is away is an error like any other."""
    UpstreamMissingError.retry = False


if __name__ == "__main__":
    globals()[sys.argv.pop(1)]()
    main()
