"""Images that an account uploads for its campaigns: checked, redrawn, stored by their content."""
