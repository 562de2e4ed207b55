"""Sending: sessions that send claimed mails, and the checkpoint that records their progress."""
