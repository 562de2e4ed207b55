"""One reason why a definition cannot be saved."""

from msgspec import Struct


class Problem(Struct, frozen=True):
    """One refusal: `code` is a key of `mail.wording.PROBLEMS`, `field` a dotted path."""

    code: str
    field: str
