"""Events that no lake should load: what is wrong with each kind, and what makes an event one."""

from typing import Any

from lakehouse.synthetic.source import Spoiling

KINDS = {
    "unknown_type": "an event_type that there is not",
    "negative_price": "an add_to_cart at a price of -1",
    "no_order_id": "a purchase without an order_id",
    "timestamp_1970": "a timestamp of 1970-01-01",
    "timestamp_2100": "a timestamp of the year 2100, sent and received in time",
    "broken_json": "a line that breaks off",
}


def _spoil(event: dict[str, Any], kind: str) -> None:
    properties = event["properties"]
    if kind == "unknown_type":
        event["event_type"] = "mystery"
    elif kind == "negative_price":
        event["event_type"] = "add_to_cart"
        properties |= {"product_id": "p_100", "price": -1, "quantity": 1, "currency": "EUR"}
    elif kind == "no_order_id":
        event["event_type"] = "purchase"
        transaction = {"total_amount": 10.0, "payment_method": "card"}
        properties |= {"currency": "EUR", "transaction": transaction}
    elif kind == "timestamp_1970":
        event["timestamp"] = "1970-01-01T00:00:00.000Z"
    elif kind == "timestamp_2100":
        event["timestamp"] = "2100-01-01T00:00:00.000Z"


SPOILING = Spoiling(kinds=tuple(kind for kind in KINDS if kind != "broken_json"), spoil=_spoil)
