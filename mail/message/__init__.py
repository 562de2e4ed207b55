"""Survey mails: compiled once for a version and language of a campaign, filled for each person."""
