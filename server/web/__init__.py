"""What all pages share: templates, labels, formats and static files."""
