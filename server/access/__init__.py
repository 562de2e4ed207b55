"""Who may come in: what guards passwords, tokens and codes, and the record of what happened."""
