"""Bronze tables of web analytics."""
