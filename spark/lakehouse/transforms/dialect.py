"""Which engine the verbs speak to, for those that need a form of their own in each."""

from __future__ import annotations

from pyspark.sql import functions as F

ON_DUCKDB = F.__name__.startswith("sqlframe.")
"""Whether `pyspark.sql` is SQLFrame's here (`lakehouse/engines/duckdb/activation.py`)."""
