"""Every endpoint with a request that finds rows, from the application itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi.routing import APIRoute

from lakehouse.api.callers import Needs
from lakehouse.api.roles import Role

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import FastAPI
    from fastapi.dependencies.models import Dependant

VALUES = {
    "page_id": "home",
    "funnel_id": "checkout",
    "session_id": "acme session_id 0",
    "user_id": "u 1/x",
}
NAMES = {"/kpis/{name}": "bounce_rate", "/tables/{name}/versions": "gold.web_kpis"}
SQL = {"sql": "SELECT * FROM gold.page_metrics ORDER BY metric_date LIMIT 1000"}


@dataclass(frozen=True)
class Asked:
    """A request.

    Attributes:
        method: GET or POST.
        route: Its route.
        path: The same with values.
        role: What its caller must be; None = nobody in particular.
        json: Its body.
    """

    method: str
    route: str
    path: str
    role: Role | None
    json: dict[str, str] | None = None


def endpoints(app: FastAPI) -> Iterator[Asked]:
    """One request for each endpoint."""
    for route in app.routes:
        if isinstance(route, APIRoute):
            template = route.path.replace(":path", "")
            path = template.replace("{name}", NAMES.get(template, ""))
            for name, value in VALUES.items():
                path = path.replace(f"{{{name}}}", value)
            role = max(_roles(route.dependant), default=None)
            for method in sorted(route.methods):
                yield Asked(method, route.path, path, role, SQL if method == "POST" else None)


def _roles(dependant: Dependant) -> Iterator[Role]:
    for each in dependant.dependencies:
        if isinstance(each.call, Needs):
            yield each.call.role
        yield from _roles(each)
