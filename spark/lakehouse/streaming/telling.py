"""Telling people: what is seen becomes alerts, which are kept in `ops.alerts` and delivered."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from lakehouse.observability import alerts
from lakehouse.observability.incidents import after, delivered
from lakehouse.streaming import alert_book

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    from lakehouse.observability.incidents import Incident, Observation
    from lakehouse.settings import Settings

LONGEST_WAIT = 64
"""Rounds that a destination which fails again and again is left alone, at most."""
MOST_UNTOLD = 100
"""Alerts that recovered are kept for destinations that take nothing, the newest of them."""


class Teller:
    """The alerts of one watcher: those that are open, and those that somebody has yet to hear."""

    def __init__(
        self,
        settings: Settings,
        topic: str,
        *,
        say: Callable[[str], None],
        harmless: Callable[[str], AbstractContextManager[None]],
    ) -> None:
        """Go on where the process before ended.

        Args:
            settings: The lake, its quiet time and its destinations.
            topic: Whose alerts: they are kept apart in `ops.alerts` by it.
            say: Told which destination did not take an alert.
            harmless: In which a step may fail without stopping those after it.
        """
        self._settings, self._topic = settings, topic
        self._say, self._harmless = say, harmless
        self._open: dict[str, Incident] = {}
        self._over: list[Incident] = []
        self._rests: dict[str, int] = {}
        self._rested: dict[str, int] = {}
        with harmless("reading ops.alerts"):
            for incident in alert_book.unfinished(settings, topic):
                self._put(incident)

    @property
    def open(self) -> list[Incident]:
        """Alerts that are open."""
        return list(self._open.values())

    def see(self, seen: Sequence[Observation], now: datetime) -> None:
        """Open, keep and end alerts, write down what changed, and tell what is to be told."""
        names = tuple(alerts.named(self._settings))
        quiet = timedelta(seconds=self._settings.alert_quiet_s)
        changed = []
        for each in seen:
            held = self._open.get(each.key)
            new = after(held, each, now, quiet=quiet, destinations=names)
            if new is not None and new is not held:
                self._put(new)
                changed.append(new)
        self._keep(changed, now)  # first: one that is told is known, whatever happens
        self._deliver(now)

    def _put(self, incident: Incident) -> None:
        self._open.pop(incident.key, None)
        self._over = [each for each in self._over if each.alert_id != incident.alert_id]
        if incident.is_open:
            self._open[incident.key] = incident
        elif incident.outbox:
            self._over = [*self._over, incident][-MOST_UNTOLD:]

    def _keep(self, incidents: Sequence[Incident], now: datetime) -> None:
        if incidents:
            with self._harmless("writing ops.alerts"):
                alert_book.write(self._settings, self._topic, incidents, now)

    def _deliver(self, now: datetime) -> None:
        """Tell what is to be told; who fails is tried in the next round, then ever less often."""
        waiting = [each for each in (*self._over, *self._open.values()) if each.outbox]
        if not waiting:
            return
        urls = alerts.named(self._settings)
        resting = {name for name, rounds in self._rests.items() if rounds > 0}
        failed, told = set(resting), []
        for incident in waiting:
            new = delivered(
                incident, lambda name, alert: alerts.send_to(urls[name], alert), tuple(urls), failed
            )
            if new is not incident:
                self._replace(new)
                told.append(new)
        self._keep(told, now)
        self._rests = {name: rounds - 1 for name, rounds in self._rests.items() if rounds > 0}
        for name in failed - resting:
            longer = self._rested.get(name, -1) + 1
            self._rested[name] = longer
            self._rests[name] = min(2**longer - 1, LONGEST_WAIT)
            self._say(f"{name} did not take an alert; it is tried again")
        for name in set(urls) - failed:
            self._rested.pop(name, None)

    def _replace(self, new: Incident) -> None:
        if new.is_open:
            self._open[new.key] = new
        else:
            self._over = [new if e.alert_id == new.alert_id else e for e in self._over]
            self._over = [each for each in self._over if each.outbox]
