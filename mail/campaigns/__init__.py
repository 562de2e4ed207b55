"""Campaigns: what one says, how it is checked, stored, started and stopped, and read by workers."""
