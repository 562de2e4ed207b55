"""What people and programs touch: API, pages, the technician's app, the command, processes."""
