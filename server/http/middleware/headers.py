"""Adds security headers to every answer."""

from typing import Final

from litestar.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "img-src 'self' data:",
        "script-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "worker-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)

#: The policy is not `no-referrer`: browsers would then send `Origin: null` with our own forms.
COMMON: Final = (
    (b"content-security-policy", CONTENT_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
STRICT_TRANSPORT: Final = (b"strict-transport-security", b"max-age=31536000")
NO_STORE: Final = (b"cache-control", b"no-store")


def add_headers(app: ASGIApp, *, secure: bool) -> ASGIApp:
    """`app`, with each header above that the answer does not set itself.

    `secure`: the public address is https, so Strict-Transport-Security is added.
    """
    always = (*COMMON, NO_STORE, STRICT_TRANSPORT) if secure else (*COMMON, NO_STORE)

    async def with_headers(scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = list(message["headers"])
                own = {name.lower() for name, _ in given}
                missing = [(name, value) for name, value in always if name not in own]
                message["headers"] = [*given, *missing]
            await send(message)

        await app(scope, receive, sending)

    return with_headers
