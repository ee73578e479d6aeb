"""Alerts, and the analysis of where a run spent its time.

Needs only the settings, so that it works whatever else is broken; never reads a table.
"""
