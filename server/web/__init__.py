"""What all pages share: templates, labels, formats of times and numbers, static files."""
