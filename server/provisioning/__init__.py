"""Prepares a database for a process: roles, migrations, and checks of row-level security."""


class ProvisionError(RuntimeError):
    """The database cannot be used safely; the text is the reason."""
