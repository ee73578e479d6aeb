"""Charts: numbers in, inline SVG out. They know nothing of tables or of the lake."""
