"""SMTP: the server's address, a client that tells the phases of a mail apart, and its replies."""
