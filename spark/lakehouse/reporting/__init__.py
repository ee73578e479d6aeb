"""The report page, the catalogue, Data Docs and the summary in the terminal.

Everything here reads published versions without Spark; nothing here writes a table.
"""
