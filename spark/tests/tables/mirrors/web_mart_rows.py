"""Literal rows of silver tables that marts of the web are made of."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from tables.mirrors.web_rows import KNOWN

if TYPE_CHECKING:
    from datetime import datetime

OF_A_VIEW = {
    name: KNOWN[name] for name in KNOWN if name not in {"source", "medium", "browser_version"}
}
OF_A_SESSION = {name: KNOWN[name] for name in KNOWN if name != "browser_version"}


def page_view(identity: str, moment: datetime, **more: Any) -> dict[str, Any]:
    """A row of silver.page_views, of visitor v."""
    known = {
        "visitor_id": "v",
        "page_view_id": identity,
        "session_number": 1,
        "position": 1,
        "viewed_at": moment,
        "view_date": moment.date(),
        "page_id": "/",
        "is_entry": True,
        "is_exit": True,
        "engaged_s": 0,
        "n_clicks": 0,
        "n_events": 1,
        **OF_A_VIEW,
    }
    return known | more


def session(identity: str, moment: datetime, **more: Any) -> dict[str, Any]:
    """A row of silver.web_sessions, of visitor v: a bounce on the page /."""
    known = {
        "session_id": identity,
        "visitor_id": "v",
        "session_number": 1,
        "started_at": moment,
        "ended_at": moment,
        "session_date": moment.date(),
        "n_events": 1,
        "n_page_views": 1,
        "n_interactions": 0,
        "engaged_s": 0,
        "duration_s": 0,
        "entry_page": "/",
        "exit_page": "/",
        "is_bounce": True,
        "is_engaged": False,
        "n_conversions": 0,
        "revenue": Decimal(0),
        "is_over_long": False,
        **OF_A_SESSION,
    }
    return known | more


def order(identity: str, moment: datetime, amount: str, **more: Any) -> dict[str, Any]:
    """A row of silver.web_orders, of visitor v: an order in euros, which are summed."""
    known = {
        "event_id": identity,
        "kind": "purchase",
        "order_id": identity,
        "event_at": moment,
        "order_date": moment.date(),
        "visitor_id": "v",
        "category": "books",
        "quantity": 1,
        "total_amount": Decimal(amount),
        "currency": "EUR",
        "amount_reporting": Decimal(amount),
        "is_summed": True,
        "is_bot": False,
        "is_internal": False,
    }
    return known | more


def refund(identity: str, moment: datetime, amount: str, **more: Any) -> dict[str, Any]:
    """A row of silver.web_orders: a refund in euros."""
    return order(identity, moment, amount, kind="refund", amount_reporting=-Decimal(amount)) | more
