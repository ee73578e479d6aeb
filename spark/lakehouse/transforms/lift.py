"""Counts → effects with confidence intervals, as column expressions.

Every formula starts from whole numbers and adds strata in a fixed order, so its result does not
depend on the order of the rows, down to the last bit. A null count gives a null result.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from lakehouse.transforms.numbers import steady

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import Column

Z_95 = 1.959963984540054
"""97.5 % quantile of the normal distribution: two-sided 95 %."""

MIN_CELL = 5
"""Fewest successes, and failures, per group for which a normal approximation is believed."""


@dataclass(frozen=True)
class Estimate:
    """An effect and its 95 % confidence interval; low <= value <= high, or the bounds are null."""

    value: Column
    low: Column
    high: Column

    def named(self, name: str) -> tuple[Column, Column, Column]:
        """As columns `name`, `name_low`, `name_high`."""
        return (
            self.value.alias(name),
            self.low.alias(f"{name}_low"),
            self.high.alias(f"{name}_high"),
        )


STRATUM = ("n_used", "n_used_converted", "n_not_used", "n_not_used_converted")
"""Fields of a stratum: users and converted users, with and without the exposure."""


def proportion(part: Column, whole: Column) -> Column:
    """A share, 0-1; null of nothing."""
    return F.try_divide(part.cast("double"), whole.cast("double"))


def risk_difference(part_1: Column, n_1: Column, part_0: Column, n_0: Column) -> Estimate:
    """Difference of two proportions with Newcombe's hybrid score interval.

    Newcombe (1998), Statistics in Medicine 17:873-890, method 10: the Wilson intervals of the two
    proportions combined. Chosen over Wald, whose interval shrinks to a point when nobody or
    everybody converts and which covers far less than 95 % in small groups; this one keeps its
    coverage there and never leaves [-1, 1].
    """
    p_1, p_0 = proportion(part_1, n_1), proportion(part_0, n_0)
    low_1, high_1 = _wilson(part_1, n_1)
    low_0, high_0 = _wilson(part_0, n_0)
    difference = p_1 - p_0
    return Estimate(
        difference,
        difference - F.sqrt((p_1 - low_1) * (p_1 - low_1) + (high_0 - p_0) * (high_0 - p_0)),
        difference + F.sqrt((high_1 - p_1) * (high_1 - p_1) + (p_0 - low_0) * (p_0 - low_0)),
    )


def _wilson(part: Column, whole: Column) -> tuple[Column, Column]:
    """Wilson's score interval of a proportion (1927)."""
    n = F.nullif(whole, F.lit(0)).cast("double")
    x = part.cast("double")
    square = Z_95 * Z_95
    middle = x * 2 + square
    half = F.sqrt(x * 4 * (n - x) / n + square) * Z_95
    width = (n + square) * 2
    return (middle - half) / width, (middle + half) / width


def strata_sums(strata: Column) -> dict[str, Column]:
    """Columns that `mantel_haenszel_risk_difference` needs: sums over the strata with both groups.

    As columns of a frame they are computed once, not in each number of the estimate.

    Args:
        strata: Array of structs with the fields of `STRATUM`, in a fixed order.
    """
    both = F.filter(strata, lambda s: (s["n_used"] > 0) & (s["n_not_used"] > 0))
    parts: dict[str, Callable[[Column], Column]] = {
        "_weight": _weight,
        "_difference": _weighted_difference,
        "_variance": _variance_part,
        "_used_converted": lambda s: s["n_used_converted"],
        "_used_not_converted": lambda s: s["n_used"] - s["n_used_converted"],
        "_not_used_converted": lambda s: s["n_not_used_converted"],
        "_not_used_not_converted": lambda s: s["n_not_used"] - s["n_not_used_converted"],
    }
    return {name: _total(both, part) for name, part in parts.items()}


def mantel_haenszel_risk_difference() -> Estimate:
    """Difference of proportions within strata, averaged with Mantel-Haenszel weights.

    Greenland & Robins (1985), Biometrics 41:55-68. With a of n1 exposed and c of n0 others
    converted, and N = n1 + n0, in each stratum that holds both:

        difference = Σ (a·n0 - c·n1)/N ÷ Σ n1·n0/N
        variance   = Σ (a·(n1-a)·n0³ + c·(n0-c)·n1³)/(n1·n0·N²) ÷ (Σ n1·n0/N)²

    The variance holds for few large and for many small strata alike, but it is 0 where nobody or
    everybody converts: the bounds are null unless, over these strata, each group has at least
    `MIN_CELL` users who converted and as many who did not.

    Made of the columns that `strata_sums` gives.
    """
    weight = F.col("_weight")
    value = F.try_divide(F.col("_difference"), weight)
    variance = F.try_divide(F.col("_variance"), weight * weight)
    smallest = F.least(
        "_used_converted", "_used_not_converted", "_not_used_converted", "_not_used_not_converted"
    )
    half = F.when(smallest >= MIN_CELL, F.sqrt(variance) * Z_95)
    return Estimate(value, value - half, value + half)


def _total(strata: Column, part: Callable[[Column], Column]) -> Column:
    """The sum over the strata, added up in their order."""
    parts = F.transform(strata, lambda s: part(s).cast("double"))
    return F.aggregate(parts, F.lit(0.0), lambda total, each: total + each)


def _doubles(stratum: Column) -> tuple[Column, ...]:
    return tuple(stratum[field].cast("double") for field in STRATUM)


def _weight(stratum: Column) -> Column:
    n1, _, n0, _ = _doubles(stratum)
    return n1 * n0 / (n1 + n0)


def _weighted_difference(stratum: Column) -> Column:
    n1, a, n0, c = _doubles(stratum)
    return (a * n0 - c * n1) / (n1 + n0)


def _variance_part(stratum: Column) -> Column:
    n1, a, n0, c = _doubles(stratum)
    spread = a * (n1 - a) * n0 * n0 * n0 + c * (n0 - c) * n1 * n1 * n1
    return spread / (n1 * n0 * (n1 + n0) * (n1 + n0))


def rate_ratio(events_1: Column, time_1: Column, events_0: Column, time_0: Column) -> Estimate:
    """Ratio of two rates per person-time with its log-normal interval.

    Rothman, Greenland & Lash, Modern Epidemiology, 3rd ed. (2008), ch. 14: the logarithm of the
    ratio is about normal with variance 1/events_1 + 1/events_0. Null when a number is 0.
    """
    numbers = (events_1, time_1, events_0, time_0)
    a, s, c, t = (F.nullif(number, F.lit(0)).cast("double") for number in numbers)
    value = (a / s) / (c / t)
    factor = steady(F.exp(F.sqrt(F.lit(1.0) / a + F.lit(1.0) / c) * Z_95), 9)  # from 1 to 16
    return Estimate(value, value / factor, value * factor)
