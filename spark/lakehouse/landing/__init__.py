"""What comes in: which deliveries are there, which are new, and their records as they stand.

Knows files and their formats; never a table's meaning, and decides nothing about a run.
"""
