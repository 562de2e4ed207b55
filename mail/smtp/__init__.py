"""SMTP: the server's address, a client that reports phases, and replies."""
