"""Delivery: what is due is claimed, judged at its release, and recorded; `mail.sending` sends it."""
