"""What tells people about the lake: alerts, and where the time of a run went."""
