"""What a survey mail looks like: compiled once for a campaign version and a language."""
