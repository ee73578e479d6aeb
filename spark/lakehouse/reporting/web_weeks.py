"""The weeks that a report of the web compares: the last complete ones, and as many before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from lakehouse.spec.windows import week_start

if TYPE_CHECKING:
    from lakehouse.reporting.lake import PublishedLake

KPIS = "gold.web_kpis"
N_WEEKS = 4
_DAYS = (
    "SELECT metric_date AS day, bool_or(is_complete) AS is_over FROM t "
    "GROUP BY metric_date ORDER BY metric_date"
)


@dataclass(frozen=True)
class WholeWeeks:
    """Whole weeks in a row.

    Attributes:
        first: Their first day.
        n: How many.
    """

    first: date
    n: int

    @property
    def n_days(self) -> int:
        """Days in them."""
        return 7 * self.n

    @property
    def last(self) -> date:
        """Their last day."""
        return self.first + timedelta(days=self.n_days - 1)

    @property
    def sql(self) -> str:
        """The condition that a row's metric_date lies in them."""
        return f"metric_date BETWEEN DATE '{self.first}' AND DATE '{self.last}'"

    @property
    def words(self) -> str:
        """How many, and which."""
        noun = "week" if self.n == 1 else f"{self.n} weeks"
        return f"{noun} from {self.first} to {self.last}"


def last_weeks(lake: PublishedLake) -> tuple[WholeWeeks | None, WholeWeeks | None]:
    """The last complete weeks, at most four, and as many before; None where the days do not do.

    A week counts when it is over and the data tell all of it. Data begin after the newest week
    without any; a week that begins before they do is told in part.
    """
    days = lake.rows(KPIS, _DAYS)
    over = [row["day"] for row in days if row["is_over"]]
    if not over:
        return None, None
    going_on = [row["day"] for row in days if not row["is_over"]]
    until = min(going_on, default=over[-1] + timedelta(days=1))
    weeks = {week_start(day) for day in over}
    week = newest = week_start(until) - timedelta(weeks=1)
    while week in weeks:
        week -= timedelta(weeks=1)
    oldest = week + timedelta(weeks=1)
    if oldest not in over:
        oldest += timedelta(weeks=1)
    n_known = (newest - oldest).days // 7 + 1
    n = min(n_known, N_WEEKS)
    if n < 1:
        return None, None
    last = WholeWeeks(newest - timedelta(weeks=n - 1), n)
    before = WholeWeeks(last.first - timedelta(weeks=n), n)
    return last, before if before.first >= oldest else None


def reaches(lake: PublishedLake, table: str, weeks: WholeWeeks) -> bool:
    """Whether a published table tells of all days of some weeks."""
    state = lake.state(table)
    if state is None:
        return False
    return state.as_of is None or date.fromisoformat(state.as_of) > weeks.last
