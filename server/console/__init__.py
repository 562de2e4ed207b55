"""Pages for dispatchers, managers and administrators, and the demo's mailbox."""
