"""A database of the version that landed before, taken over by this one: nothing seen changes."""
