"""What can go wrong in `sync`, named by what happened. The server maps each to HTTP once."""

from collections.abc import Sequence
from typing import ClassVar, Self


class SyncError(Exception):
    """Base of all; `code` is stable and safe to show to programs."""

    code: ClassVar[str] = "sync"


class TooManyError(SyncError):
    """More items at once than one message may carry; nothing was applied (413)."""

    code = "too_many"


class CursorError(SyncError):
    """A cursor that we never gave to this technician (400)."""

    code = "bad_cursor"


class ResyncError(SyncError):
    """A genuine cursor that can no longer be continued: start again without one (410)."""

    code = "resync"


class EnrolmentError(SyncError):
    """The code is unknown, used or expired; which of them is not said (400)."""

    code = "bad_code"


class MissingError(SyncError):
    """No such record in this account, or another account's: the same to whoever asks (404)."""

    code = "not_found"


class ConflictError(SyncError):
    """What is asked for does not go with what is there; nothing was changed (409)."""

    code = "conflict"


class FieldError(SyncError, ValueError):
    """A field of a record holds what cannot be kept; `field` names it (400).

    `item`, `external_id`: which of the records of one call it is, counted from 0, and what
    another system calls it; None where that is not known or nothing was counted.
    """

    code = "bad_field"

    def __init__(self, field: str, message: str) -> None:
        """`message`: what is wrong, without the value itself."""
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message
        self.item: int | None = None
        self.external_id: str | None = None

    def of(self, item: int, external_id: object) -> Self:
        """Itself, said of one of several records; an `external_id` that is no text is none."""
        self.item = item
        self.external_id = external_id if isinstance(external_id, str) else None
        return self


class ItemsError(SyncError):
    """Several records of one call hold what cannot be kept (400). `errors`: more than one."""

    code = "bad_field"

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__(f"{len(errors)} fields cannot be kept")
        self.errors = list(errors)


class TextError(FieldError):
    """Blank, too long, or with line breaks or control characters (400)."""

    code = "bad_text"


class AddressError(FieldError):
    """Not exactly one e-mail address (400)."""

    code = "bad_address"


class UnknownReferenceError(FieldError):
    """Names a record that this account does not have (400)."""

    code = "unknown_reference"


class TakenError(FieldError):
    """Another record of the account has this external id or address already (409)."""

    code = "taken"
