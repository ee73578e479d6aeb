"""The order of a run: upstream first, side by side where tables are independent."""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING

from lakehouse.catalog.status import Status
from lakehouse.engine.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def run_in_order(
    upstream: Mapping[str, set[str]],
    work: Callable[[str], Outcome],
    *,
    workers: int,
    notify: Callable[[Outcome], None],
) -> dict[str, Outcome]:
    """Work on every table when all it reads is done; a failure blocks what is downstream of it.

    Args:
        upstream: Everything upstream of each table of the run, directly or not; tables that are
            not of the run are passed over.
        work: Runs one table; never raises.
        workers: Tables at a time.
        notify: Called with the outcome of every blocked table.

    Returns:
        One outcome a table, in the order of `upstream`.
    """
    awaited = {name: [each for each in upstream if each in upstream[name]] for name in upstream}
    order = TopologicalSorter(awaited)
    order.prepare()
    done: dict[str, Outcome] = {}
    running: dict[Future[Outcome], str] = {}
    with ThreadPoolExecutor(workers) as pool:
        while order.is_active():
            for name in order.get_ready():
                failed = [each for each in awaited[name] if done[each].outcome.is_failure]
                if not failed:
                    running[pool.submit(work, name)] = name
                    continue
                tried = [each for each in failed if done[each].outcome is not Status.BLOCKED]
                reason = f"upstream failed: {', '.join(tried or failed)}"
                done[name] = Outcome(name, Status.BLOCKED, reason=reason)
                notify(done[name])
                order.done(name)
            if running:
                finished, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    name = running.pop(future)
                    done[name] = future.result()
                    order.done(name)
    return {name: done[name] for name in upstream}
