"""Topics as they happen: batch after batch, each an ordinary run of the tables that follow."""
