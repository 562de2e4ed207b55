"""Prepares a database for a process: roles, migrations, and checks of row-level security."""

from mail.wording import WordedError


class ProvisionError(WordedError):
    """The database cannot be used safely; the text is the reason."""
