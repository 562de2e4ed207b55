"""Processes: what each is made of, the one command that starts all, logs and files."""
