"""What the models of attribution say. Each is defined here, once."""

from __future__ import annotations

MODELS = {
    "first": "All to the first touch.",
    "last": "All to the last touch.",
    "last_non_direct": "All to the last touch that was not Direct; where all were, to the last.",
    "linear": "The same to each touch.",
    "position": (
        "What the policy says to the first and to the last touch (0.4 each), the rest in equal "
        "parts to those between; of two touches in proportion."
    ),
    "time_decay": "Half as much for each half-life (7 days) that a touch is older.",
    "markov": (
        "In proportion to the removal effect of the touch's channel: how much of the month's "
        "conversions would be lost if all paths through it led to nothing (Anderl et al. 2016)."
    ),
}
"""Model → how a conversion's credit is shared."""
TOUCH = (
    "A session of the visitor that began at most lookback_days before the conversion, up to the "
    "one it happened in."
)
CREDIT = "Share of the conversion; those of a conversion and model add up to 1."
CREDITED_VALUE = "credit times the value of the conversion; null without a value."
