"""One module, one table."""
