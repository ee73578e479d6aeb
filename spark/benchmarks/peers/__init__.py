"""Peers: each a script that makes the same tables from the same landing files in its own way."""
