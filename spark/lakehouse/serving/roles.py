"""Who connects to the serving database."""

from __future__ import annotations

from typing import Literal

Role = Literal["reader", "writer"]
READER, WRITER = "lakehouse_reader", "lakehouse_writer"
"""Names of the roles: dashboards read, publishing writes."""
