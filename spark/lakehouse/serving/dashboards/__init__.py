"""Dashboards as files: what they may rely on, generated from the specs and checked against them."""
