"""The marts over HTTP: what was published, and nothing else.

Reads the serving database, or the lake itself where there is none; never starts an engine and never
writes a table.
"""
