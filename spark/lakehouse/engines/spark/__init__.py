"""Spark with Delta: the only place that builds a session or asks one for more than a frame."""
