"""Errors of requests, and the table that gives each code its status and title."""

from typing import ClassVar, Final

import msgspec

from sync.errors import FieldError


def _(text: str) -> str:
    """Mark `text` for the catalogues; it is translated where it is shown."""
    return text


class ServerError(Exception):
    """An error of a request. `code`: a key of `PROBLEMS`.

    `retry_after`: seconds after which the same request may succeed, or None.
    """

    code: ClassVar[str] = "bad_request"

    def __init__(self, *, retry_after: int | None = None) -> None:
        super().__init__(self.code)
        self.retry_after = retry_after


class Fault(msgspec.Struct, frozen=True, omit_defaults=True):
    """One fault of a body: its place (a JSON pointer), its code, and a sentence about it.

    `external_id`: of the record of a batch that has the fault, if that record has one.
    """

    pointer: str
    code: str
    detail: str
    external_id: str | None = None


class BadBodyError(ServerError):
    """A body or a query with `faults`."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__()
        self.faults = faults


class NotSignedInError(ServerError):
    """No valid credential: 401 for programs, the login page for people."""

    code = "not_signed_in"


class ForbiddenError(ServerError):
    """The caller's role may not do this."""

    code = "forbidden"


class NotFoundError(ServerError):
    """No such record in this account; the same whether it is missing or another account's."""

    code = "not_found"


class LoginRefusedError(ServerError):
    """Address or password is wrong; the answer does not tell which."""

    code = "login_refused"


class ThrottledError(ServerError):
    """Too many attempts; `retry_after`: seconds until the next one is admitted."""

    code = "throttled"


class WrongHostError(ServerError):
    """The Host header names a host that is not served."""

    code = "wrong_host"


class CrossOriginError(ServerError):
    """Another site made a browser send this."""

    code = "cross_origin"


class TooLargeError(ServerError):
    """The body, as sent or as decompressed, is over the limit."""

    code = "too_large"


class LongHeadError(ServerError):
    """The query or the cookies are over the limit."""

    code = "long_head"


class BadCookieError(ServerError):
    """A cookie holds a character that none of ours has."""

    code = "bad_cookie"


class SlowBodyError(ServerError):
    """The body did not arrive in time."""

    code = "slow_body"


class WrongTypeError(ServerError):
    """The Content-Type is missing, or is not one that this route reads."""

    code = "wrong_type"


class WrongFormError(ServerError):
    """A page was sent a body other than an urlencoded form in UTF-8."""

    code = "wrong_form"


class WrongEncodingError(ServerError):
    """The Content-Encoding is neither gzip nor zstd."""

    code = "wrong_encoding"


class BadEncodingError(ServerError):
    """The body cannot be decompressed."""

    code = "bad_encoding"


class CrowdedError(ServerError):
    """The process serves as many requests as it can at a time."""

    code = "unavailable"


class GuessableError(FieldError):
    """A new password that is common, or made of names of its owner."""

    code = "guessable"

    def __init__(self, field: str) -> None:
        super().__init__(field, "is common, or made of a common one or of names")


class OldAppError(ServerError):
    """The device uses a version of the protocol that is not served any more."""

    code = "old_app"


class ClientGoneError(Exception):
    """The client left before its request was answered."""


class Meaning(msgspec.Struct, frozen=True):
    """The HTTP status and the title of an error."""

    status: int
    title: str


#: Codes of `server`, `sync` and `mail` errors. An error without an entry is a bug, answered 500.
PROBLEMS: Final = {
    "bad_request": Meaning(400, _("The request is not valid")),
    "wrong_host": Meaning(400, _("This address is not served here")),
    "bad_encoding": Meaning(400, _("The compressed body cannot be read")),
    "bad_cookie": Meaning(400, _("A cookie of this site cannot be read")),
    "bad_cursor": Meaning(400, _("The cursor is not one of ours")),
    "bad_code": Meaning(400, _("The code is unknown, used or expired")),
    "bad_field": Meaning(400, _("A field holds what cannot be kept")),
    "bad_text": Meaning(400, _("A text is blank, too long or holds control characters")),
    "guessable": Meaning(
        400, _("This password is common, or made of a common one or of names: choose another")
    ),
    "bad_address": Meaning(400, _("An e-mail address is not valid")),
    "bad_image": Meaning(400, _("This file is not kept as an image")),
    "bad_question": Meaning(400, _("The question cannot be kept as it is")),
    "bad_definition": Meaning(400, _("The campaign cannot be kept as it is")),
    "unknown_reference": Meaning(400, _("A field names something that does not exist")),
    "not_signed_in": Meaning(401, _("Sign in first")),
    "login_refused": Meaning(401, _("Address or password is wrong")),
    "forbidden": Meaning(403, _("Your role may not do this")),
    "cross_origin": Meaning(403, _("The request came from another site")),
    "not_found": Meaning(404, _("Not found")),
    "wrong_method": Meaning(405, _("This address does not do that")),
    "slow_body": Meaning(408, _("The request took too long to arrive")),
    "taken": Meaning(409, _("Something else has this already")),
    "asked": Meaning(
        409, _("This round has a survey of this campaign already: open a new round to ask again")
    ),
    "not_active": Meaning(409, _("This campaign is not active, or all sending is switched off")),
    "no_step": Meaning(409, _("No step was recorded in this round: there is nothing to ask about")),
    "not_next_round": Meaning(409, _("This is not the next round of the task")),
    "sent": Meaning(
        409, _("This survey was sent, is being sent, or may have been: it cannot be cancelled")
    ),
    "ended": Meaning(409, _("This survey had ended before: nothing of it waits to be sent")),
    "not_sent": Meaning(409, _("This survey was never sent: it cannot be sent again")),
    "under_way": Meaning(409, _("Another mail of this survey waits or is on its way")),
    "closed": Meaning(409, _("This survey cannot be answered any more")),
    "unreachable": Meaning(409, _("No mail can go to this address")),
    "too_many_tasks": Meaning(
        409, _("Too many tasks changed in these days for one replay: choose fewer days")
    ),
    "conflict": Meaning(409, _("This does not go with what is there")),
    "no_sender": Meaning(409, _("Mails do not say yet who sends them, as the law demands")),
    "resync": Meaning(410, _("The cursor is too old: start again without one")),
    "too_large": Meaning(413, _("The request is too large")),
    "too_many": Meaning(413, _("Too many items at once")),
    "wrong_type": Meaning(415, _("Send application/json or application/msgpack")),
    "wrong_form": Meaning(415, _("Send the form as application/x-www-form-urlencoded, in UTF-8")),
    "wrong_encoding": Meaning(415, _("Send the body plain, or compressed by gzip or zstd")),
    "old_app": Meaning(426, _("This app is too old: update it. What waits on the device is kept.")),
    "long_head": Meaning(431, _("The address or the cookies are too long")),
    "throttled": Meaning(429, _("Too many attempts: wait a moment")),
    "internal": Meaning(500, _("Something went wrong on our side")),
    "unavailable": Meaning(503, _("Not available for a moment: try again")),
}
