"""An open lakehouse for product and web analytics on Delta Lake.

In a notebook:

    from lakehouse import open_lake

    with open_lake() as lake:
        lake.table("gold.feature_conversion_impact").show()
        lake.sql("SELECT current_plan, count(*) FROM silver.user_dim GROUP BY ALL").show()
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lakehouse.engines.reader import LakeReader

__all__ = ["open_lake"]


def open_lake(root: str | None = None) -> LakeReader:
    """Open a lake for reading: published versions only.

    Args:
        root: Root of the lake; by default the setting LAKEHOUSE_ROOT.
    """
    from lakehouse.engines.reader import LakeReader  # noqa: PLC0415  # needs no Spark to import us
    from lakehouse.settings import load_settings  # noqa: PLC0415  # same

    return LakeReader(load_settings(**({"root": root} if root else {})))
