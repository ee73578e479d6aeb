"""What senders of web events and the lake agreed on: the types of events, in a version."""

from __future__ import annotations

from lakehouse.spec import Contract, EventType

PAGE = ("page_url", "page_title", "referrer", "page_id")
CAMPAIGN = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content")
CLICK_IDS = ("gclid", "fbclid", "msclkid")
VITALS = ("load_ms", "ttfb_ms", "lcp_ms", "cls", "inp_ms", "fid_ms")
PRODUCT = ("product_id", "category", "price", "quantity", "currency", "discount_code")
TRANSACTION = ("order_id", "total_amount", "payment_method")
INTERACTIONS = (
    *("click", "scroll", "form_submit", "video_play", "custom_event", "signup"),
    *("product_view", "add_to_cart", "purchase", "refund"),
)
"""Types of events by which a visitor does something: not looking, not being there."""

CONTRACT = Contract(
    version=1,
    told_by="event_type",
    kinds=(
        EventType(name="page_view", doc="A page was shown.", fields=VITALS),
        EventType(name="page_ping", doc="A page is visible and in use; sent every heartbeat."),
        EventType(
            name="click",
            doc="Something was clicked.",
            fields=("element", "target_url", "is_outbound"),
        ),
        EventType(
            name="scroll",
            doc="A page was scrolled.",
            fields=("depth_pct",),
            required=("depth_pct",),
        ),
        EventType(
            name="form_submit",
            doc="A form was begun, sent, or refused.",
            fields=("form_id", "form_step"),
            required=("form_id",),
        ),
        EventType(
            name="video_play",
            doc="A video was played or stopped.",
            fields=("video_id", "position_s", "length_s", "action"),
            required=("video_id",),
        ),
        EventType(
            name="custom_event",
            doc="What the site itself names.",
            fields=("event_name", "event_value"),
            required=("event_name",),
        ),
        EventType(name="signup", doc="An account was made.", fields=("method",)),
        EventType(name="product_view", doc="A product was looked at.", fields=PRODUCT),
        EventType(name="add_to_cart", doc="A product was put into the cart.", fields=PRODUCT),
        EventType(
            name="purchase",
            doc="An order was placed.",
            fields=(*PRODUCT, *TRANSACTION),
            required=("order_id", "total_amount", "currency"),
        ),
        EventType(
            name="refund",
            doc="Money of an order was paid back; the amount is positive.",
            fields=(*PRODUCT, *TRANSACTION),
            required=("order_id", "total_amount", "currency"),
        ),
        EventType(
            name="web_vitals",
            doc="How a page loaded, measured later than it was shown.",
            fields=VITALS,
        ),
    ),
)
