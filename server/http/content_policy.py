"""What our pages may load, and where their forms may lead (Content Security Policy, level 3)."""

from typing import Final

FORMS: Final = "form-action 'self'"
CONTENT_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "img-src 'self' data:",
        "script-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "worker-src 'self'",
        FORMS,
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
