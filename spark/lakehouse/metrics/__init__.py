"""Definitions of metrics, each in one place: name, thresholds, and the sentence shown with it.

Plain Python, without engines or rows.
"""
