"""What a request may meet by name, and the one place that gives each name its status."""

from typing import ClassVar


class ServerError(Exception):
    """Something a request met; `code` is stable, the text is for people and may be translated.

    `retry_after`: seconds after which the same request may succeed, or None.
    """

    code: ClassVar[str] = "bad_request"
    status: ClassVar[int] = 400

    def __init__(self, detail: str = "", *, retry_after: int | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry_after = retry_after


class NotSignedInError(ServerError):
    """No credential, or one that opens nothing: 401 for programs, the login page for people."""

    code = "not_signed_in"
    status = 401


class ForbiddenError(ServerError):
    """Signed in, but the role may not do this."""

    code = "forbidden"
    status = 403


class NotFoundError(ServerError):
    """No such thing in this account: the same whether it is missing or another account's."""

    code = "not_found"
    status = 404


class LoginRefusedError(ServerError):
    """Address and password do not belong together; says nothing about which is wrong."""

    code = "login_refused"
    status = 401


class TooManyError(ServerError):
    """Too many attempts; `retry_after` says when the next one counts."""

    code = "too_many"
    status = 429
