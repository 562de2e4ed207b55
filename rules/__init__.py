"""What should happen, pure: the order of history, delays, addresses, decisions."""
