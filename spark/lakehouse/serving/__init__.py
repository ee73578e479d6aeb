"""What reads the marts outside the lake: the serving database and the dashboards on it."""
