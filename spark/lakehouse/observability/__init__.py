"""What tells people about the lake: alerts."""
