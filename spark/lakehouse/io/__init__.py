"""All side effects: Delta, landing files, states, locks, ops tables. No business rule."""
