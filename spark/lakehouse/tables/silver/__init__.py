"""Cleaned, deduplicated, with history."""
