"""What reads the marts outside the lake. Knows the specs, and no engine."""
