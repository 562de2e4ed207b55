"""A form that was sent after its session had ended, kept with the next session.

The page that asks to sign in carries it in a hidden field; nothing of it is in a URL. Once the
reader has signed in it stands in the row of the session, and goes with it.
"""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

import msgspec

from server.access.principals import ConsoleRequest
from server.access.sessions import session_of
from sync.database import tx

_ID: Final = "[0-9a-f-]{36}"
#: The forms of the console with text that is worth keeping. A page that is added here shows the
#: fields of `read_kept` in its form.
_FORMS: Final = re.compile(
    rf"/(tasks/{_ID}/(?:transitions|round/open|survey/send)|campaigns/sending/pause|follow-ups/{_ID}/close|refused/{_ID}/dismiss|calendar/(?:save|cap)"
    rf"|sends/{_ID}/(?:cancel|resend))"
)
#: The fields that people fill in; where all are empty nothing was written.
_WRITTEN: Final = ("state", "note", "moment", "why", "working_hours-monday", "surveys")
#: Bytes of a kept form in the body of the login form, which may have 64 kB.
MOST_BYTES: Final = 60_000
#: The parameter with which a page shows the kept form.
SHOWN: Final = "kept"

_KEPT: Final = "SELECT kept_form FROM session WHERE account = $1 AND token_hash = $2"


class KeptForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`path`: where the form was sent. `fields`: what was typed."""

    path: str
    fields: dict[str, str]


def write_kept(path: str, fields: Mapping[str, str]) -> str:
    """The form as text, for the hidden field; empty where no page would show it again.

    So it is, too, where nobody wrote anything into it.
    """
    if not _FORMS.fullmatch(path) or not any(map(fields.get, _WRITTEN)):
        return ""
    text = msgspec.json.encode(KeptForm(path, dict(fields))).decode()
    return text if len(quote(text)) <= MOST_BYTES else ""


def check_kept(text: str) -> str | None:
    """`text` if `write_kept` could have written it, else None."""
    form = _decode(text)
    return text if form is not None and _FORMS.fullmatch(form.path) else None


async def read_kept(request: ConsoleRequest, path: str) -> dict[str, str]:
    """The fields of the form that was sent to `path` and kept for the session of `request`.

    Empty where there is none, or the URL does not ask for it.
    """
    if SHOWN not in request.query_params:
        return {}
    async with tx(request.user.account) as opened:
        text = await opened.fetchval(_KEPT, opened.account, session_of(request))
    form = _decode(text or "")
    return form.fields if form is not None and form.path == path else {}


def _decode(text: str) -> KeptForm | None:
    try:
        return msgspec.json.decode(text, type=KeptForm)
    except (msgspec.DecodeError, RecursionError):  # also of the wrong shape, or nested
        return None
