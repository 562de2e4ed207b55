"""Authentication and authorisation: credentials, rights, throttling, and the security log."""
