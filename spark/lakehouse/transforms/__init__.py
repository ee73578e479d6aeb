"""Pure functions from frames to frames, which tables are built with.

They never run an action, read the clock or open a file, and know no table.
"""
