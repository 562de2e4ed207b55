"""Sending: sessions that send claimed mails, and what is recorded of each mail's progress."""
