"""Tables of `sync`, and what the migrations of all packages share."""
