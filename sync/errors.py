"""The errors of `sync`, named by what happened. The server maps each to an HTTP status."""

from collections.abc import Sequence
from typing import ClassVar, Self


class SyncError(Exception):
    """The base of all; `code` is stable, and may be shown to programs."""

    code: ClassVar[str] = "sync"


class TooManyError(SyncError):
    """More items than one message may contain; nothing was applied (413)."""

    code = "too_many"


class CursorError(SyncError):
    """A cursor that was not written for this technician (400)."""

    code = "bad_cursor"


class ResyncError(SyncError):
    """A genuine cursor that cannot be continued: the device starts again without one (410)."""

    code = "resync"


class EnrolmentError(SyncError):
    """The code is unknown, used or expired; the answer does not say which (400)."""

    code = "bad_code"


class MissingError(SyncError):
    """The account has no such record; whether another account has is not said (404)."""

    code = "not_found"


class ConflictError(SyncError):
    """The request contradicts the state of the record; nothing was changed (409)."""

    code = "conflict"


class DismissedError(ConflictError):
    """A refused transition was dismissed, which whoever accepts it has not seen (409)."""


class FieldError(SyncError, ValueError):
    """The value of `field` is invalid (400).

    `item`: the number of the record in the call, from 0; None for a call about one record.
    `external_id`: that record's external id, if it has one.
    """

    code = "bad_field"

    def __init__(self, field: str, message: str) -> None:
        """`message` says what is wrong, without the value itself."""
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message
        self.item: int | None = None
        self.external_id: str | None = None

    def of(self, item: int, external_id: object) -> Self:
        """Return itself, as of one of several records; an `external_id` that is no text is None."""
        self.item = item
        self.external_id = external_id if isinstance(external_id, str) else None
        return self


class ItemsError(SyncError):
    """Several fields of one call are invalid (400). `errors`: at least two."""

    code = "bad_field"

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__(f"{len(errors)} fields are invalid")
        self.errors = list(errors)


class TextError(FieldError):
    """A text is blank, too long, or has line breaks or control characters (400)."""

    code = "bad_text"


class AddressError(FieldError):
    """A value is not exactly one e-mail address (400)."""

    code = "bad_address"


class UnknownReferenceError(FieldError):
    """A reference names a record that the account does not have (400)."""

    code = "unknown_reference"


class TakenError(FieldError):
    """Another record of the account has this external id or unique field (409)."""

    code = "taken"
