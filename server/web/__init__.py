"""What all pages share: templates, labels, formats, static files, and the routes."""
