"""Stages say what they do: the jobs of an engine that a stage starts carry its table and a verb."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from lakehouse.engine.job import Job

P = ParamSpec("P")
T = TypeVar("T")


def labelled(
    verb: str,
) -> Callable[[Callable[Concatenate[Job, P], T]], Callable[Concatenate[Job, P], T]]:
    """What the engine does inside the function carries its table and this verb."""

    def wrap(function: Callable[Concatenate[Job, P], T]) -> Callable[Concatenate[Job, P], T]:
        @functools.wraps(function)
        def inner(job: Job, /, *args: P.args, **kwargs: P.kwargs) -> T:
            with job.engine.doing(verb):
                return function(job, *args, **kwargs)

        return inner

    return wrap
