"""Silver tables of web analytics."""
