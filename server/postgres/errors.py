"""What can go wrong with the embedded PostgreSQL."""


class EmbeddedError(RuntimeError):
    """The embedded PostgreSQL did not start; the text says why, or holds the end of its log."""
