"""Tables of what happened in the field, and what the migrations of all packages share."""
