"""The website: its pages, products and prices, and where people come to it from.

Hosts, networks and paths are those that the lake's reference data know: `example.com` is the site,
`example.org` its blog, `staging.example.com` is not for visitors.
"""

import json
from dataclasses import dataclass

import numpy as np

HOST, BLOG_HOST, STAGING_HOST = "www.example.com", "blog.example.org", "staging.example.com"

HOME, BLOG, DOCS, PRICING, CATEGORY, PRODUCT, CART = 0, 1, 2, 3, 4, 5, 6
CHECKOUT, THANKS, SIGNUP, LOGIN, CONTACT, ORDERS = 7, 8, 9, 10, 11, 12

CATEGORIES = ("cameras", "audio", "wearables", "kitchen", "outdoor", "books")
_POSTS = (
    *("release-notes", "how-we-measure", "ten-tips", "customer-story", "year-in-review"),
    *("faster-pages", "privacy-first", "buying-guide", "field-notes", "roadmap"),
)
_GUIDES = ("install", "quickstart", "api", "webhooks", "faq", "troubleshooting")
_PRODUCTS_PER_CATEGORY = 7


@dataclass(frozen=True)
class Page:
    """A page; `item` is the number of its product or category, -1 where it has none."""

    kind: int
    path: str
    title: str
    page_id: str
    host: str = HOST
    item: int = -1

    def url(self, host: str = "") -> str:
        """Its address, on its own host or another."""
        return f"https://{host or self.host}{self.path}"


@dataclass(frozen=True)
class Product:
    """A product and its price in euros."""

    product_id: str
    category: int
    cents: int


PRODUCTS = tuple(
    Product(f"p_{100 + number}", number // _PRODUCTS_PER_CATEGORY, 490 + 100 * (number * 37 % 240))
    for number in range(_PRODUCTS_PER_CATEGORY * len(CATEGORIES))
)
PAGES = (
    Page(HOME, "/", "Home", "home"),
    Page(PRICING, "/pricing", "Pricing", "pricing"),
    Page(CART, "/cart", "Your cart", "cart"),
    Page(CHECKOUT, "/checkout", "Checkout", "checkout"),
    Page(THANKS, "/thanks", "Thank you", "thanks"),
    Page(SIGNUP, "/signup", "Sign up", "signup"),
    Page(LOGIN, "/login", "Log in", "login"),
    Page(CONTACT, "/contact", "Contact", "contact"),
    Page(ORDERS, "/account/orders", "Your orders", "account_orders"),
    *(Page(BLOG, f"/{name}", f"Blog: {name}", f"blog_{name}", BLOG_HOST) for name in _POSTS),
    *(Page(DOCS, f"/docs/{name}", f"Docs: {name}", f"docs_{name}") for name in _GUIDES),
    *(
        Page(CATEGORY, f"/shop/{name}", f"Shop: {name}", f"shop_{name}", item=number)
        for number, name in enumerate(CATEGORIES)
    ),
    *(
        Page(PRODUCT, f"/product/{product.product_id}", f"Product {product.product_id}: details",
             product.product_id, item=number)
        for number, product in enumerate(PRODUCTS)
    ),
)  # fmt: skip
_KINDS = np.array([page.kind for page in PAGES])
FIRST_OF: tuple[int, ...] = tuple(np.unique(_KINDS, return_index=True)[1].tolist())
"""Number of the first page of each kind; the others of its kind follow it."""
COUNT_OF: tuple[int, ...] = tuple(np.bincount(_KINDS).tolist())

CURRENCIES = ("EUR", "USD", "GBP", "JPY", "CHF", "XXX")
CURRENCY_SHARES = (0.53, 0.22, 0.10, 0.06, 0.04, 0.05)
UNKNOWN_CURRENCY = "XXX"
PRICE_FACTORS = np.array([1.0, 1.08, 0.86, 165.0, 0.96, 1.0])
"""What a product costs there for each euro that it costs here."""
WHOLE_UNITS = np.array([False, False, False, True, False, False])
"""Currencies without cents."""

PAYMENT_METHODS = ("card", "paypal", "invoice", "apple_pay")
DISCOUNT_CODE, DISCOUNT_PCT = "WELCOME10", 10


@dataclass(frozen=True)
class Origin:
    """Where sessions come from: what their first page view tells about it."""

    channel: str
    weight: float
    referrer: str = ""
    source: str = ""
    medium: str = ""
    campaign: str = ""
    click_id: str = ""

    @property
    def told(self) -> dict[str, str]:
        """Campaign properties, without those that are not told."""
        values = (self.source, self.medium, self.campaign)
        names = ("utm_source", "utm_medium", "utm_campaign")
        return {name: value for name, value in zip(names, values, strict=True) if value}

    @property
    def query(self) -> str:
        """The same in an address, up to the value of the click id."""
        parts = [f"{name}={value}" for name, value in self.told.items()]
        parts += [f"{self.click_id}="] if self.click_id else []
        return f"?{'&'.join(parts)}" if parts else ""


_FACEBOOK = "https://l.facebook.com/"
ORIGINS = (
    Origin("Direct", 0.22),
    Origin("Direct", 0.02, f"https://{BLOG_HOST}/"),
    Origin("Organic Search", 0.19, "https://www.google.com/"),
    Origin("Organic Search", 0.04, "https://www.bing.com/"),
    Origin("Organic Search", 0.03, "https://duckduckgo.com/"),
    Origin("Paid Search", 0.07, "https://www.google.com/", "google", "cpc", "brand", "gclid"),
    Origin("Paid Search", 0.02, "https://www.google.de/", click_id="gclid"),
    Origin("Paid Search", 0.03, "https://www.bing.com/", "bing", "cpc", "generic", "msclkid"),
    Origin("Organic Social", 0.03, "https://t.co/"),
    Origin("Organic Social", 0.03, "https://www.linkedin.com/"),
    Origin("Organic Social", 0.02, "https://www.reddit.com/r/example/"),
    Origin("Paid Social", 0.06, _FACEBOOK, "facebook", "paid_social", "spring_sale", "fbclid"),
    Origin("Email", 0.06, "", "newsletter", "email", "weekly"),
    Origin("Email", 0.01, "https://mail.google.com/"),
    Origin("Referral", 0.06, "https://reviews.example.net/best-of"),
    Origin("Display", 0.03, "", "adnetwork", "display", "retargeting"),
    Origin("Organic Video", 0.03, "https://www.youtube.com/"),
    Origin("Organic Shopping", 0.02, "https://www.idealo.de/"),
    Origin("Affiliates", 0.02, "", "partner_a", "affiliate", "coupons"),
    Origin("Push", 0.01, "", "app", "push", "back_in_stock"),
)
DIRECT = 0
ORIGIN_SHARES = np.array([origin.weight for origin in ORIGINS])


def channel_shares() -> dict[str, float]:
    """The share of each channel among the sessions of people, as it is drawn."""
    shares: dict[str, float] = {}
    for origin in ORIGINS:
        shares[origin.channel] = round(shares.get(origin.channel, 0) + origin.weight, 6)
    return shares


def as_members(values: dict[str, object]) -> str:
    """Members of a JSON object, without its braces."""
    return json.dumps(values, separators=(",", ":"), ensure_ascii=False)[1:-1]
