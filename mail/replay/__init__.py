"""Replay: what a campaign would have sent, and one task tried with it; nothing is written."""
