"""Seeing the lake: the report, the catalogue, Data Docs and the answer in the terminal.

Everything here reads published versions without Spark; nothing here writes a table.
"""
