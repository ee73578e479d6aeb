"""What is known of the tables without an engine: registry, manifest, domains, freshness, views.

Reads table modules, published states and ops tables; never starts an engine, never writes a table.
"""
