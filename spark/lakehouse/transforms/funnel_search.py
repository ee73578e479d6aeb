"""Which events of a visitor take which steps of a funnel: the search for its entries.

The rules stand in `silver.funnel_steps`. Equal moments count as ordered, so that the search goes
from moment to moment; at one of several events, steps are matched to events as in a bipartite
graph, which keeps one event from taking two steps. All starts of a visitor are searched at once,
backwards: the time is that of its events, times the square of the steps.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import groupby
from math import inf
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

Mode = Literal["ordered", "strict_order", "strict_increase", "strict_once"]
_MANY = 100_000


class StepEvent(NamedTuple):
    """An event that may take steps of a funnel; a visitor's stand in the order of its fields.

    Attributes:
        at_us: When, in microseconds since 1970.
        event_id: Which; tells events of one moment apart.
        steps: The steps that it may take, as bits: 1 for the first, 2 for the second, 4 ...
        session: Number of its session.
    """

    at_us: int
    event_id: str
    steps: int
    session: int = 0


@dataclass(frozen=True)
class FunnelRules:
    """What the search knows of a funnel.

    Attributes:
        names: Its steps.
        window_us: From the first step to the last, inclusive.
        within_us: For each step, at most so long after the one before; None = as the window.
        mode: How strict it is.
    """

    names: tuple[str, ...]
    window_us: int
    within_us: tuple[int | None, ...]
    mode: Mode = "ordered"


Chain = list[StepEvent]
"""Events of an entry: the first takes step 1, the second step 2 ..."""


def entries(events: Sequence[StepEvent], rules: FunnelRules) -> list[Chain]:
    """The entries of one visitor, in order.

    Args:
        events: What may take a step, each event once, in any order.
        rules: The funnel.
    """
    search = _Search(sorted(events), rules)
    found: list[Chain] = []
    opens_at, taken = -inf, frozenset[StepEvent]()
    while (best := search.farthest(opens_at, taken)) is not None:
        chain = search.chain(best, taken)
        found.append(chain)
        is_completed = len(chain) == len(rules.names) and rules.mode != "strict_once"
        opens_at = chain[-1].at_us if is_completed else chain[0].at_us + rules.window_us + 1
        taken = frozenset(each for each in (*taken, *chain) if each.at_us >= opens_at)
    return found


class _Reach(NamedTuple):
    """How far a start gets: that which sorts first is the best."""

    missing: int
    reached_at: float
    start: StepEvent


class _Moment:
    """The events of one moment: nearly always one."""

    def __init__(self, events: list[StepEvent], steps: int) -> None:
        self.at_us = events[0].at_us
        self.events = events
        self.steps = steps
        self.masks = (events[0].steps,) if len(events) == 1 else self.without(())

    def without(self, used: Collection[StepEvent]) -> tuple[int, ...]:
        """What its events may take, but those that are used; of equal ones no more than steps."""
        if len(self.events) == 1:
            return () if self.events[0] in used else self.masks
        gone = Counter(each.steps for each in used if each.at_us == self.at_us)
        left = ((mask, min(n - gone[mask], self.steps)) for mask, n in self._counts.items())
        return tuple(sorted(mask for mask, n in left for _ in range(n)))

    @cached_property
    def _counts(self) -> Counter[int]:
        return Counter(each.steps for each in self.events)


class _Search:
    """What is reached from where, of one visitor."""

    def __init__(self, events: list[StepEvent], rules: FunnelRules) -> None:
        self.rules = rules
        by_moment = groupby(events, key=lambda each: each.at_us)
        self.moments = [_Moment(list(group), len(rules.names)) for _, group in by_moment]
        self.place = {each.at_us: place for place, each in enumerate(self.moments)}
        self.starts = [each for each in events if each.steps & 1]
        self.next_start = 0
        told = 0
        for each in events:
            told |= each.steps
        self.deepest = next(
            (step for step in range(len(rules.names)) if not told >> step & 1), len(rules.names)
        )
        self.later: dict[int, list[list[float]]] = {}

    def farthest(self, opens_at: float, taken: frozenset[StepEvent]) -> _Reach | None:
        """The best of the starts within a window of the first that is left."""
        while self.next_start < len(self.starts) and (
            self.starts[self.next_start].at_us < opens_at or self.starts[self.next_start] in taken
        ):
            self.next_start += 1
        if self.next_start == len(self.starts):
            return None
        closes_at = self.starts[self.next_start].at_us + self.rules.window_us
        best: _Reach | None = None
        tried: set[tuple[int, int]] = set()
        for start in self._starts_until(closes_at):
            if best and best.missing == 0 and best.reached_at <= start.at_us:
                break
            if start in taken or (start.at_us, start.steps) in tried:
                continue
            tried.add((start.at_us, start.steps))
            found = self._reach(start, taken, best.missing if best else None)
            best = min(best, found) if best and found else best or found
        return best

    def _starts_until(self, closes_at: float) -> Iterator[StepEvent]:
        for place in range(self.next_start, len(self.starts)):
            if self.starts[place].at_us > closes_at:
                return
            yield self.starts[place]

    def _reach(
        self, start: StepEvent, taken: frozenset[StepEvent], missing: int | None
    ) -> _Reach | None:
        """How far a start gets; None if not as far as one that misses so many steps."""
        steps = len(self.rules.names)
        least = 1 if missing is None else steps - missing
        place, limit = self.place[start.at_us], start.at_us + self.rules.window_us
        left = self.moments[place].without({*taken, start})
        for last in range(self.deepest, least - 1, -1):
            reached_at = self._reached_at(place, 1, left, last)
            if reached_at <= limit:
                return _Reach(steps - last, reached_at, start)
        return None

    def chain(self, best: _Reach, taken: frozenset[StepEvent]) -> Chain:
        """The chain of a start that takes each step as early as getting so far allows."""
        chain, used = [best.start], taken | {best.start}
        last = len(self.rules.names) - best.missing
        place = self.place[best.start.at_us]
        for step in range(1, last):
            place, event = self._earliest(place, step, used, last, best.reached_at)
            chain.append(event)
            used |= {event}
        return chain

    def _earliest(
        self, place: int, step: int, used: frozenset[StepEvent], last: int, reached_at: float
    ) -> tuple[int, StepEvent]:
        """The first event that may take a step on the way to the last one at that moment."""
        within = self.rules.within_us[step]
        until = inf if within is None else self.moments[place].at_us + within
        for here in self._places_after(place):
            moment = self.moments[here]
            if moment.at_us > until:
                break
            tried: set[int] = set()
            for event in moment.events:
                if event in used or event.steps in tried or not event.steps >> step & 1:
                    continue
                tried.add(event.steps)
                left = moment.without({*used, event})
                if self._reached_at(here, step + 1, left, last) <= reached_at:
                    return here, event
        message = f"no event takes step {step + 1}, though step {last} is reached"
        raise AssertionError(message)

    def _places_after(self, place: int) -> range:
        """Moments at which the next step may be taken."""
        first = place + 1 if self.rules.mode == "strict_increase" else place
        after = place + 2 if self.rules.mode == "strict_order" else len(self.moments)
        return range(first, min(after, len(self.moments)))

    def _reached_at(self, place: int, taken: int, left: tuple[int, ...], last: int) -> float:
        """First moment at which step `last` is taken, after `taken` steps, the last of them here.

        Args:
            place: A moment.
            taken: Number of steps that are taken.
            left: What the other events of the moment may take.
            last: Number of the step to reach.
        """
        if taken == last:
            return self.moments[place].at_us
        later = self._later(last)
        found = later[taken][place]
        if self.rules.mode == "strict_increase":
            return found
        for step in range(taken, last):
            if not fits(left, taken, step):
                break
            found = min(found, self._ending(place, step + 1, last, later))
        return found

    def _ending(self, place: int, taken: int, last: int, later: list[list[float]]) -> float:
        return self.moments[place].at_us if taken == last else later[taken][place]

    def _later(self, last: int) -> list[list[float]]:
        """By steps taken and moment of the last: when step `last` is, all others at later ones."""
        if last not in self.later:
            self.later[last] = self._searched_back(last)
        return self.later[last]

    def _searched_back(self, last: int) -> list[list[float]]:
        later = [[inf] * len(self.moments) for _ in range(last)]
        ways = [_Ways(within) for within in self.rules.within_us]
        for place in range(len(self.moments) - 1, -1, -1):
            at_us = self.moments[place].at_us
            for taken in range(1, last):
                later[taken][place] = ways[taken].first_from(at_us)
            for taken in range(1, last):
                way = self._through(place, taken, last, later)
                if self.rules.mode == "strict_order":
                    ways[taken].forget()
                ways[taken].add(at_us, way)
        return later

    def _through(self, place: int, taken: int, last: int, later: list[list[float]]) -> float:
        """When step `last` is reached if the next step is taken at this moment."""
        found = inf
        most = taken + 1 if self.rules.mode == "strict_increase" else last
        for step in range(taken, most):
            if not fits(self.moments[place].masks, taken, step):
                break
            found = min(found, self._ending(place, step + 1, last, later))
        return found


class _Ways:
    """Moments from the last to the first, and the best of those near enough: a sliding minimum."""

    def __init__(self, within_us: int | None) -> None:
        self.within_us = within_us
        self.best: deque[tuple[int, float]] = deque()

    def add(self, at_us: int, reached_at: float) -> None:
        """Go on to an earlier moment."""
        if reached_at == inf:
            return
        while self.best and self.best[0][1] >= reached_at:
            self.best.popleft()
        self.best.appendleft((at_us, reached_at))

    def forget(self) -> None:
        """Of strict order: the moment after the next one is out of reach."""
        self.best.clear()

    def first_from(self, at_us: int) -> float:
        """The best of those at most the limit after a moment."""
        if self.within_us is not None:
            while self.best and self.best[-1][0] - at_us > self.within_us:
                self.best.pop()
        return self.best[-1][1] if self.best else inf


@lru_cache(maxsize=_MANY)
def fits(masks: tuple[int, ...], first: int, last: int) -> bool:
    """Whether steps can be matched to events so that no event takes two (Kuhn's algorithm).

    Args:
        masks: The steps that each event may take, as bits.
        first: The first step, counted from 0.
        last: The last one.
    """
    if last - first >= len(masks):
        return False
    taker: dict[int, int] = {}

    def finds_an_event(step: int, tried: set[int]) -> bool:
        for number, mask in enumerate(masks):
            if mask >> step & 1 and number not in tried:
                tried.add(number)
                if number not in taker or finds_an_event(taker[number], tried):
                    taker[number] = step
                    return True
        return False

    return all(finds_an_event(step, set()) for step in range(first, last + 1))
