"""What a start is refused for."""


class ProvisionError(RuntimeError):
    """The database cannot be used safely; the text says why."""
