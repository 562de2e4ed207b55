"""Which questions of a bank a survey asks: drawn by a hash, so that nothing is stored."""

import hashlib
from collections.abc import Sequence
from uuid import UUID


def draw(invitation: UUID, keys: Sequence[str], number: int) -> list[str]:
    """Return `number` of the distinct `keys`, in their order; 0 or more than there are: all.

    They are those with the smallest SHA-256 of invitation and key: the same on page, reload and
    reminder, and each as likely as any other.
    """
    if not 0 < number < len(keys):
        return list(keys)
    ranks = {key: hashlib.sha256(invitation.bytes + key.encode()).digest() for key in keys}
    drawn = set(sorted(keys, key=lambda key: ranks[key])[:number])
    return [key for key in keys if key in drawn]
