"""What must be true: gates judged by Great Expectations, and rows that broke a rule in quarantine.

Computes and judges; never decides what is published.
"""
