"""What a number means, once. Plain Python."""
