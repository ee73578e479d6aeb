"""Funnels and attribution by plain search: every chain of events, every share of a credit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

Row = dict[str, Any]
DAY = timedelta(days=1)
OF_SESSION = ("channel", "device_type", "country", "is_bot", "is_internal")


def funnel_steps(visits: list[Row], sessions: list[Row], funnels: list[Row]) -> Iterator[Row]:
    """Steps reached, of events in order of time and with the number of their session."""
    known = {(each["visitor_id"], each["session_number"]): each for each in sessions}
    by_visitor = defaultdict(list)
    for event in visits:
        by_visitor[event["visitor_id"]].append(event)
    for visitor, events in by_visitor.items():
        for funnel in funnels:
            for number, chain in enumerate(entries(events, funnel), start=1):
                session = known[visitor, chain[0]["session_number"]]
                for step, event in enumerate(chain, start=1):
                    yield {
                        "visitor_id": visitor,
                        "funnel_id": funnel["id"],
                        "entry_number": number,
                        "step": step,
                        "step_name": funnel["steps"][step - 1]["name"],
                        "event_id": event["event_id"],
                        "reached_at": event["event_at"],
                        "entry_at": chain[0]["event_at"],
                        "entry_date": chain[0]["event_at"].date(),
                        **{name: session[name] for name in OF_SESSION},
                    }


def takes(event: Row, step: Row) -> bool:
    """Whether an event is what a step asks for."""
    path = event["page_path"]
    on_page = "page" not in step or (path is not None and fnmatchcase(path, step["page"]))
    told = all(event[name] == value for name, value in step.get("where", {}).items())
    return event["event_type"] == step["event_type"] and on_page and told


def entries(events: list[Row], funnel: Row) -> Iterator[list[Row]]:
    """Entries of one visitor, each the best chain of its attempt."""
    steps = funnel["steps"]
    window = timedelta(seconds=funnel.get("window_s", 86_400))
    free = events
    while starts := [event for event in free if takes(event, steps[0])]:
        until = starts[0]["event_at"] + window
        chains = [
            chain
            for start in starts
            if start["event_at"] <= until
            for chain in chains_from([start], free, funnel)
        ]
        best = min(chains, key=rank)
        yield best
        done, closed = best[-1]["event_at"], best[0]["event_at"] + window
        if len(best) == len(steps) and funnel.get("mode") != "strict_once":
            free = [each for each in free if each["event_at"] >= done and each not in best]
        else:
            free = [each for each in free if each["event_at"] > closed]


def rank(chain: list[Row]) -> tuple[Any, ...]:
    """Farthest, then there first, then the earliest start, then each step as early as it can."""
    in_time = [(event["event_at"], event["event_id"]) for event in chain]
    return (-len(chain), chain[-1]["event_at"], in_time)


def chains_from(chain: list[Row], events: list[Row], funnel: Row) -> Iterator[list[Row]]:
    """A chain, and every longer one."""
    yield chain
    if len(chain) == len(funnel["steps"]):
        return
    step, mode = funnel["steps"][len(chain)], funnel.get("mode", "ordered")
    last, end = chain[-1]["event_at"], chain[0]["event_at"]
    end += timedelta(seconds=funnel.get("window_s", 86_400))
    if "within_s" in step:
        end = min(end, last + timedelta(seconds=step["within_s"]))
    for event in events:
        at = event["event_at"]
        if not last <= at <= end or event in chain or not takes(event, step):
            continue
        if mode == "strict_increase" and at == last:
            continue
        if mode == "strict_order" and any(
            last < other["event_at"] < at and any(takes(other, each) for each in funnel["steps"])
            for other in events
        ):
            continue
        yield from chains_from([*chain, event], events, funnel)


def attribution(conversions: list[Row], sessions: list[Row], policy: Row) -> Iterator[Row]:
    """Each touch with credit, by conversion and model."""
    by_visitor = defaultdict(list)
    for session in sorted(sessions, key=lambda each: each["session_number"]):
        by_visitor[session["visitor_id"]].append(session)
    touches = {each["event_id"]: touches_of(each, by_visitor, policy) for each in conversions}
    months = {first_of(each["conversion_date"]) for each in conversions}
    effects = {month: effects_of(month, conversions, touches, by_visitor) for month in months}
    for conversion in conversions:
        of = touches[conversion["event_id"]]
        month = first_of(conversion["conversion_date"])
        for model, weights in weights_of(conversion, of, effects[month], policy).items():
            for number, (touch, weight) in enumerate(zip(of, weights, strict=True), start=1):
                if weight > 0:
                    credit, value = weight / sum(weights), conversion["value"]
                    yield {
                        "conversion_month": month,
                        "event_id": conversion["event_id"],
                        "model": model,
                        "touch_number": number,
                        "n_touches": len(of),
                        "conversion_type": conversion["conversion_type"],
                        "conversion_date": conversion["conversion_date"],
                        "converted_at": conversion["converted_at"],
                        "visitor_id": conversion["visitor_id"],
                        "session_id": touch["session_id"],
                        "touched_at": touch["started_at"],
                        **{
                            name: touch[name]
                            for name in ("channel", "source", "medium", "campaign")
                        },
                        "credit": credit,
                        "value": value,
                        "credited_value": None if value is None else credit * float(value),
                        "is_bot": conversion["is_bot"],
                        "is_internal": conversion["is_internal"],
                    }


def first_of(day: date) -> date:
    """The first day of its month."""
    return day.replace(day=1)


def touches_of(conversion: Row, by_visitor: dict[str, list[Row]], policy: Row) -> list[Row]:
    """Sessions that began in the time before a conversion, up to its own."""
    since: datetime = conversion["converted_at"] - policy["lookback_days"] * DAY
    return [
        session
        for session in by_visitor[conversion["visitor_id"]]
        if session["session_number"] <= conversion["session_number"]
        and session["started_at"] >= since
    ]


def weights_of(
    conversion: Row, touches: list[Row], effects: dict[str, float], policy: Row
) -> dict[str, list[float]]:
    """What each touch weighs, by model."""
    n = len(touches)
    told = [place for place, touch in enumerate(touches) if touch["channel"] != "Direct"]
    first, last = policy["first_rate"], policy["last_rate"]
    ages = [(conversion["converted_at"] - touch["started_at"]) / DAY for touch in touches]
    by_place = [first, *[(1 - first - last) / max(n - 2, 1)] * (n - 2), last] if n > 1 else [1.0]
    by_effect = [effects.get(touch["channel"], 0.0) for touch in touches]
    return {
        "first": one_hot(n, 0),
        "last": one_hot(n, n - 1),
        "last_non_direct": one_hot(n, told[-1] if told else n - 1),
        "linear": [1.0] * n,
        "position": by_place,
        "time_decay": [0.5 ** (age / policy["half_life_days"]) for age in ages],
        "markov": by_effect if any(by_effect) else [1.0] * n,
    }


def one_hot(n: int, place: int) -> list[float]:
    """All to one."""
    return [float(each == place) for each in range(n)]


def effects_of(
    month: date,
    conversions: list[Row],
    touches: dict[str, list[Row]],
    by_visitor: dict[str, list[Row]],
) -> dict[str, float]:
    """The removal effect of each channel among the paths of a month's people."""
    converted = [each for each in conversions if first_of(each["conversion_date"]) == month]
    paths = [
        (*(touch["channel"] for touch in touches[each["event_id"]]), "(conversion)")
        for each in converted
        if not each["is_bot"]
    ]
    those = {each["visitor_id"] for each in converted}
    for visitor, sessions in by_visitor.items():
        mine = [
            each["channel"]
            for each in sessions
            if not each["is_bot"] and first_of(each["session_date"]) == month
        ]
        if mine and visitor not in those:
            paths.append((*mine, "(nothing)"))
    channels = sorted({channel for path in paths for channel in path[:-1]})
    whole = chance_to_convert(paths, channels)
    if whole == 0:
        return {}
    return {
        removed: 1 - chance_to_convert(paths, channels, removed) / whole for removed in channels
    }


def chance_to_convert(
    paths: list[tuple[str, ...]], channels: list[str], removed: str | None = None
) -> float:
    """The chance to come from the start to a conversion, where one channel leads to nothing."""
    states = ["(start)", *channels, "(nothing)", "(conversion)"]
    place = {state: number for number, state in enumerate(states)}
    moves = np.zeros((len(states), len(states)))
    for path in paths:
        for origin, target in zip(("(start)", *path), path, strict=False):
            moves[place[origin], place[target]] += 1
    moves = moves[:-2] / moves[:-2].sum(axis=1, keepdims=True)
    if removed:
        moves[place[removed]] = np.eye(len(states))[-2]
    onward, converting = moves[:, :-2], moves[:, -1]
    return float(np.linalg.solve(np.eye(len(onward)) - onward, converting)[0])
