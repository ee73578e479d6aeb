"""Verbs: DataFrame to DataFrame. Pure."""
