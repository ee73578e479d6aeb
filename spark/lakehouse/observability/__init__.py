"""What tells people about the lake: alerts, and where the time of a run went.

Needs settings and nothing else, so that it works whatever is broken; never looks into a table.
"""
