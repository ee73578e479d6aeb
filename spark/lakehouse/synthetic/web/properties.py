"""What each type of event tells beside its page: members of `properties`."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from lakehouse.synthetic import text
from lakehouse.synthetic.chance import Floats, Ints
from lakehouse.synthetic.text import Text
from lakehouse.synthetic.web import events, site
from lakehouse.synthetic.web.devices import DEVICE_TYPE_OF
from lakehouse.synthetic.web.events import TYPES, Events
from lakehouse.synthetic.web.pages import CHECKOUT_FORM, CONTACT_FORM, LOGIN_FORM, SIGN_UP_FORM
from lakehouse.synthetic.web.visits import price_cents
from lakehouse.synthetic.web.world import World

FORM_STEPS = ("started", "submitted", "failed")
_FORMS = {
    SIGN_UP_FORM: "signup",
    CONTACT_FORM: "contact",
    LOGIN_FORM: "login",
    CHECKOUT_FORM: "checkout",
}
_ELEMENTS = (
    *("nav_menu", "search_box", "card", "read_more", "share_button", "image_zoom", "size_guide"),
    *("faq_item", "footer_link", "partner_link"),
)
_OUTBOUND = _ELEMENTS.index("partner_link")
_OUTBOUND_URL, _INBOUND_URL = "https://partner.example.net/offer", f"https://{site.HOST}/"
_METHODS = ("email", "google", "github")
_VIDEO_S = 180
_VIDEO_ACTIONS, _VIDEO_AT_S = ("start", "pause"), (0, 95)
_MEDIAN_LCP_MS, _MEDIAN_TTFB_MS, _MEDIAN_INP_MS, _MEDIAN_REST_MS = 1_700, 180, 110, 1_200
_SLOWNESS = np.array([1.0, 1.55, 1.2])
"""Of desktop, mobile and tablet."""


@dataclass(frozen=True)
class Told:
    """Events of one type, and the world that they are of."""

    world: World
    events: Events

    @property
    def visit(self) -> Ints:
        """The visit of each event."""
        visit: Ints = self.world.pages.visit[self.events.page]
        return visit

    @property
    def page(self) -> Ints:
        """The number of each event's page."""
        page: Ints = self.world.pages.page[self.events.page]
        return page

    @property
    def slowness(self) -> Floats:
        """How much slower than a desktop each event's device is."""
        device = self.world.visits.device[self.visit]
        slowness: Floats = _SLOWNESS[DEVICE_TYPE_OF[self.world.parties.agent[device]]]
        return slowness


def own(told: Told, type_: int) -> Text:
    """What events of a type tell; each member begins with a comma."""
    return _OWN.get(TYPES[type_], _nothing)(told)


def _skewed(told: Told, median: ArrayLike, sigma: float) -> Ints:
    """Log-normal whole numbers."""
    drawn: Ints = np.clip(median * np.exp(sigma * told.events.spread), 1, 60_000).astype(np.int64)
    return drawn


def _choice(told: Told, values: tuple[str, ...]) -> Text:
    return text.pick(text.pool(values), (told.events.chance * len(values)).astype(np.int64))


def _nothing(told: Told) -> Text:
    return text.pool([""] * len(told.events))


def _click(told: Told) -> Text:
    element = (told.events.chance * len(_ELEMENTS)).astype(np.int64)
    is_outbound = element == _OUTBOUND
    return text.join(
        *(',"element":"', text.pick(text.pool(_ELEMENTS), element)),
        *('","target_url":"', text.pick(text.pool([_INBOUND_URL, _OUTBOUND_URL]), is_outbound * 1)),
        *('","is_outbound":', text.booleans(is_outbound)),
    )


def _scroll(told: Told) -> Text:
    depth = np.minimum(25 * told.events.number - (told.events.chance * 15).astype(np.int64), 100)
    return text.join(',"depth_pct":', text.numbers(np.maximum(depth, 1)))


def _form(told: Told) -> Text:
    names = text.pool([_FORMS.get(form, "") for form in range(CHECKOUT_FORM + 1)])
    return text.join(
        *(',"form_id":"', text.pick(names, told.world.pages.form[told.events.page])),
        *('","step":"', text.pick(text.pool(FORM_STEPS), told.events.number), '"'),
    )


def _video(told: Told) -> Text:
    ids = text.pool([f"v_{page.page_id}" for page in site.PAGES])
    at_s = np.array(_VIDEO_AT_S)[told.events.number]
    return text.join(
        *(',"video_id":"', text.pick(ids, told.page)),
        *('","position_s":', text.numbers(at_s), f',"length_s":{_VIDEO_S}'),
        *(',"action":"', text.pick(text.pool(_VIDEO_ACTIONS), told.events.number), '"'),
    )


def _custom(told: Told) -> Text:
    return text.join(',"name":"copy_code","value":"', _choice(told, ("bash", "python")), '"')


def _sign_up(told: Told) -> Text:
    return text.join(',"method":"', _choice(told, _METHODS), '"')


def _looked_at(told: Told) -> Text:
    """Of a product that is shown: one of it."""
    item = np.array([page.item for page in site.PAGES])[told.page]
    visits, visit = told.world.visits, told.visit
    cents = price_cents(item, visits.currency[visit])
    return text.join(*_product(item), *_price(told, cents, np.ones_like(item)))


def _put_into_cart(told: Told) -> Text:
    visits, visit = told.world.visits, told.visit
    prices = visits.price_cents[visit]
    return text.join(
        *_product(visits.product[visit]),
        *_price(told, prices, visits.quantity[visit]),
    )


def _order(told: Told) -> Text:
    """Of a purchase or a refund: the order, too."""
    visits, visit = told.world.visits, told.visit
    codes = text.pool(["", f',"discount_code":"{site.DISCOUNT_CODE}"'])
    is_refund = told.events.type == events.REFUND
    total = np.where(is_refund, visits.paid_back_cents[visit], visits.order_cents[visit])
    return text.join(
        _put_into_cart(told),
        text.pick(codes, visits.has_discount[visit] * 1),
        *(',"transaction":{"order_id":"o_', text.numbers(visits.order[visit], 8)),
        *('","total_amount":', text.money(total)),
        *(',"payment_method":"', text.pick(text.pool(site.PAYMENT_METHODS), visits.payment[visit])),
        '"}',
    )


def _product(item: Ints) -> tuple[str | Text, ...]:
    ids = text.pool([product.product_id for product in site.PRODUCTS])
    names = text.pool([site.CATEGORIES[product.category] for product in site.PRODUCTS])
    return ',"product_id":"', text.pick(ids, item), '","category":"', text.pick(names, item)


def _price(told: Told, cents: Ints, quantity: Ints) -> tuple[str | Text, ...]:
    codes = text.pool(site.CURRENCIES)
    return (
        *('","price":', text.money(cents), ',"quantity":', text.numbers(quantity)),
        *(',"currency":"', text.pick(codes, told.world.visits.currency[told.visit]), '"'),
    )


def _vitals(told: Told) -> Text:
    slow = told.slowness
    return text.join(
        *(',"lcp_ms":', text.numbers(_skewed(told, _MEDIAN_LCP_MS * slow, 0.45))),
        *(',"cls":0.', text.numbers((told.events.chance**3 * 400).astype(np.int64), 3)),
        *(',"inp_ms":', text.numbers(_skewed(told, _MEDIAN_INP_MS * slow, 0.6))),
    )


def _loaded(told: Told) -> Text:
    """Of a page view: how fast it came and was there."""
    ttfb = _skewed(told, _MEDIAN_TTFB_MS * told.slowness, 0.35)
    rest = _skewed(told, _MEDIAN_REST_MS * told.slowness, 0.5)
    return text.join(',"load_ms":', text.numbers(ttfb + rest), ',"ttfb_ms":', text.numbers(ttfb))


_OWN = {
    "page_view": _loaded,
    "click": _click,
    "scroll": _scroll,
    "form_submit": _form,
    "video_play": _video,
    "custom_event": _custom,
    "signup": _sign_up,
    "product_view": _looked_at,
    "add_to_cart": _put_into_cart,
    "purchase": _order,
    "refund": _order,
    "web_vitals": _vitals,
}
