"""Sending: sessions that offer mails, and the checkpoint that records what became of them."""
