"""A schedule for tables made from tables: wakes on its inputs' day, and can be backfilled.

Airflow's own asset timetable refuses a backfill ("non-periodic schedule"), although its keys here
are days like those of the bronze tables. This one says that it is periodic, and which days a range
holds.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from airflow.exceptions import InvalidPartitionKeyError
from airflow.plugins_manager import AirflowPlugin
from airflow.sdk.timezone import coerce_datetime
from airflow.timetables.base import DagRunInfo
from airflow.timetables.simple import PartitionedAssetTimetable

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY_FORMAT = "%Y-%m-%d"


def wake_name(table: str) -> str:
    """Name of the asset that makes a table run a day, whichever inputs have delivered it.

    Nobody produces it: the reconciler announces it for a day that waits in vain, a person may from
    the asset's page. Only this one table listens, so nothing else is set in motion.
    """
    return f"wake {table}"


class DailyAssetTimetable(PartitionedAssetTimetable):
    """Runs a day when every input has delivered that day; the key is the day, `YYYY-MM-DD`."""

    periodic = True

    @property
    def summary(self) -> str:
        """What the list of DAGs shows."""
        return "Daily, after its inputs"

    def iter_partition_dagrun_infos(
        self, *, earliest: datetime, latest: datetime
    ) -> Iterator[DagRunInfo]:
        """One run a day, both ends included."""
        day = earliest.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        if day < earliest:
            day += timedelta(days=1)
        while day <= latest:
            yield DagRunInfo(
                run_after=coerce_datetime(day),
                data_interval=None,
                partition_date=coerce_datetime(day),
                partition_key=day.strftime(KEY_FORMAT),
            )
            day += timedelta(days=1)

    def _decode_partition_date(self, partition_key: str) -> datetime | None:
        try:
            return coerce_datetime(datetime.strptime(partition_key, KEY_FORMAT).replace(tzinfo=UTC))
        except ValueError:
            message = f"partition key {partition_key!r} is not a day; write YYYY-MM-DD"
            raise InvalidPartitionKeyError(message) from None


class LakeTimetablePlugin(AirflowPlugin):
    """Makes the timetable known to the scheduler and the API server."""

    name = "lake_timetable"
    timetables = (DailyAssetTimetable,)
