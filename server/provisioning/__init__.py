"""A database made ready for a process: roles, migrations, and the check that fences hold."""


class ProvisionError(RuntimeError):
    """The database cannot be used safely; the text says why."""
