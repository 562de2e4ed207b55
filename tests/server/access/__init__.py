"""Who may try a password, and what is recorded of it."""
