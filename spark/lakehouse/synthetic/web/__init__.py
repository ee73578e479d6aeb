"""The web domain: what visitors of a website do, and what its tags send about it."""
