"""The marts outside the lake: the serving database and the dashboards on it.

Reads published versions only; never starts an engine or writes a table of the lake.
"""
