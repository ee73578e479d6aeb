"""Alerts that are told once: from what is seen again and again to what people get.

A condition has a key. Seen bad, it opens an incident, which is told; it is told again when its
severity rises, and once more, as recovered, when the condition was fine for a while. Everything
here is values: where they are kept and how they reach people is for others.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from lakehouse.observability.alerts import Alert, Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime, timedelta

RANK = {severity: rank for rank, severity in enumerate(Severity)}
FIELDS = (
    *("alert_id", "change", "key", "severity", "title", "text", "runbook"),
    *("opened_at", "fine_since", "recovered_at"),
)


class Event(StrEnum):
    """What people are told of an incident."""

    OPENED = "opened"
    WORSE = "worse"
    RECOVERED = "recovered"


@dataclass(frozen=True)
class Observation:
    """A condition as it was seen.

    Attributes:
        key: Which condition.
        severity: How bad it is; None where it is fine.
        title: What people read first.
        text: The facts.
        runbook: What to do: a path in the project.
    """

    key: str
    severity: Severity | None = None
    title: str = ""
    text: str = ""
    runbook: str = ""


@dataclass(frozen=True)
class Message:
    """What is to be told.

    Attributes:
        event: Of what kind.
        alert: Its words.
        waits_for: Destinations that did not take it yet.
    """

    event: Event
    alert: Alert
    waits_for: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Incident:
    """A condition from when it was seen bad until it was fine for long enough.

    Attributes:
        alert_id: Identity of the incident.
        change: Number of its newest change, from 0.
        key: Its condition.
        severity: The worst that was seen and told.
        title: Of the worst.
        text: Of the worst.
        runbook: What to do.
        opened_at: When it was first seen bad.
        fine_since: Since when it has been fine; None where it is not.
        recovered_at: When it counted as recovered; None while it is open.
        outbox: What is still to be told, the oldest first.
    """

    alert_id: str
    change: int = 0
    key: str
    severity: Severity
    title: str
    text: str
    runbook: str
    opened_at: datetime
    fine_since: datetime | None = None
    recovered_at: datetime | None = None
    outbox: tuple[Message, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether it has not recovered."""
        return self.recovered_at is None

    @property
    def waits_for(self) -> tuple[str, ...]:
        """Destinations that did not take all of it yet."""
        return tuple(sorted({each for message in self.outbox for each in message.waits_for}))


def after(
    held: Incident | None,
    seen: Observation,
    now: datetime,
    *,
    quiet: timedelta,
    destinations: Sequence[str],
) -> Incident | None:
    """The incident of a condition after it was seen once more; the same one where nothing is new.

    Args:
        held: What is known of it; one that recovered counts for nothing.
        seen: What was seen.
        now: When.
        quiet: So long it must be fine, each time it is seen, to have recovered.
        destinations: Who is to be told.
    """
    if held is None or not held.is_open:
        return _opened(seen, now, destinations)
    if seen.severity is None:
        return _fine(held, now, quiet, destinations)
    if RANK[seen.severity] <= RANK[held.severity]:
        return held if held.fine_since is None else _changed(held, fine_since=None)
    worse = _changed(
        held, severity=seen.severity, title=seen.title, text=seen.text, fine_since=None
    )
    return _told(worse, Event.WORSE, destinations)


def _opened(seen: Observation, now: datetime, destinations: Sequence[str]) -> Incident | None:
    if seen.severity is None:
        return None
    opened = Incident(
        alert_id=uuid.uuid4().hex,
        key=seen.key,
        severity=seen.severity,
        title=seen.title,
        text=seen.text,
        runbook=seen.runbook,
        opened_at=now,
    )
    return _told(opened, Event.OPENED, destinations)


def _fine(held: Incident, now: datetime, quiet: timedelta, destinations: Sequence[str]) -> Incident:
    since = held.fine_since
    if since is None or since > now:  # a clock was put back
        since = now
    if now - since < quiet:
        return held if since == held.fine_since else _changed(held, fine_since=since)
    recovered = _changed(held, fine_since=since, recovered_at=now)
    return _told(recovered, Event.RECOVERED, destinations)


def _changed(held: Incident, **fields: Any) -> Incident:  # noqa: ANN401  # those of an incident
    return replace(held, change=held.change + 1, **fields)


def _told(incident: Incident, event: Event, destinations: Sequence[str]) -> Incident:
    message = Message(event, _alert(incident, event), tuple(destinations))
    return replace(incident, outbox=(*incident.outbox, message))


def _alert(incident: Incident, event: Event) -> Alert:
    if event is Event.RECOVERED:
        end = incident.recovered_at or incident.opened_at
        body = f"Open from {_minute(incident.opened_at)} to {_minute(end)}. It was: {incident.text}"
        return Alert(f"recovered: {incident.title}", body, Severity.INFO)
    title = f"worse: {incident.title}" if event is Event.WORSE else incident.title
    runbook = f"What to do: {incident.runbook}" if incident.runbook else ""
    body = "\n".join(filter(None, [incident.text, runbook]))
    return Alert(title, body, incident.severity)


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def delivered(
    incident: Incident,
    send: Callable[[str, Alert], bool],
    known: Sequence[str],
    failed: set[str],
) -> Incident:
    """The incident after another attempt to tell what is to be told; the same one without any.

    Each destination gets messages in their order: after one that it did not take, none this time.

    Args:
        incident: What is to be told.
        send: Tells a destination; whether it took the alert.
        known: Destinations that there are; others are waited for no more.
        failed: Destinations that are not tried any more; those that fail are added.
    """
    left = []
    for message in incident.outbox:
        waits_for = []
        for name in message.waits_for:
            if name not in known:
                continue
            if name not in failed and send(name, message.alert):
                continue
            failed.add(name)
            waits_for.append(name)
        if waits_for:
            left.append(replace(message, waits_for=tuple(waits_for)))
    if tuple(left) == incident.outbox:
        return incident
    return _changed(incident, outbox=tuple(left))


def row_of(incident: Incident, topic: str, now: datetime) -> dict[str, Any]:
    """An incident as a row of `ops.alerts`."""
    outbox = [
        {"event": each.event, "waits_for": each.waits_for, **vars(each.alert)}
        for each in incident.outbox
    ]
    return {name: getattr(incident, name) for name in FIELDS} | {
        "topic": topic,
        "outbox": json.dumps(outbox, ensure_ascii=False),
        "n_waiting": len(outbox),
        "changed_at": now,
    }


def incident_of(row: Mapping[str, Any]) -> Incident:
    """Read back what `row_of` wrote."""
    outbox = tuple(
        Message(
            Event(each["event"]),
            Alert(each["title"], each["body"], Severity(each["severity"])),
            tuple(each["waits_for"]),
        )
        for each in json.loads(row["outbox"])
    )
    fields = {name: row[name] for name in FIELDS} | {"severity": Severity(row["severity"])}
    return Incident(**fields, outbox=outbox)
