"""What computes and stores: the engines behind the runs, and what a machine needs for them.

Knows sessions, jars, Delta commands and layouts; never why a table runs, nor the name of a table.
"""
