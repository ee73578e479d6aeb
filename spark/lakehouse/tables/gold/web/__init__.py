"""Gold tables of web analytics."""
