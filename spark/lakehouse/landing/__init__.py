"""Input: which landing files there are, which of them are new, and their records.

Knows files and their formats; never what a table means, and decides nothing about a run.
"""
