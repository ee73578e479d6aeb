"""What is known of the tables without an engine: what they declare, and what is published of them.

Reads table modules, published states and ops tables; never starts an engine, never writes a table.
"""
