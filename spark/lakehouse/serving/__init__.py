"""Marts for readers of SQL: the serving database and the dashboards on it. Needs no engine."""
