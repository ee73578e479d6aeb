"""Marts: what people and dashboards read."""
