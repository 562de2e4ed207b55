"""Delivery: what is due is claimed, judged at its release, recorded; `mail.sending` sends it."""
