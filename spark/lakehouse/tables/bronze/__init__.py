"""As landed, typed, every distinct row once."""
