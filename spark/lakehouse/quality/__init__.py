"""Data quality: gates evaluated by Great Expectations, and the quarantine of rejected rows.

Never decides what is published.
"""
