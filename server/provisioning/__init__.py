"""A database made ready for a process: roles, migrations, and the check that fences hold."""
