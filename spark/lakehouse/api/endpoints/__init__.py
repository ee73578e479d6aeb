"""What can be asked, one module a domain."""
