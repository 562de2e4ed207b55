"""Pages for the customers that a link in a mail leads to."""
