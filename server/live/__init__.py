"""Notifies open pages and devices of changes, by server-sent events."""
