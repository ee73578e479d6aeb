"""What is known about tables without an engine: their declarations and published states.

Reads table modules, published states and ops tables; never starts an engine, never writes a table.
"""
