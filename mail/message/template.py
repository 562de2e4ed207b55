r"""One campaign version in one language, compiled to octets with holes, and filled for a person.

Everything is encoded as it travels when it is compiled, in quoted-printable with dots doubled. A
hole may be cut anywhere because a soft line break may stand anywhere: each part is encoded for
itself and ends in one. So a recipient costs a few short encodings only.

The layouts, in mail/templates, say `%(name)b` where a hole shall be. What they are given to write
is kept out of their way, behind marks, and put in at the end: nothing that a campaign says can look
like a hole, and mrml would spoil it (it writes attributes as Rust's debug form has them, a no-break
space as `\u{a0}`, and numeric references would not survive either: `&#133;` is "…" in HTML).
"""

import binascii
import html
import re
from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache
from pathlib import Path
from typing import Final

import mrml
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context, select_autoescape
from jinja2.runtime import Context
from markupsafe import escape
from msgspec import Struct

from mail.campaigns.definition import BEST_RATING, Content, Message
from mail.message.headers import BOUNDARY, header_text, mailbox
from mail.message.wording import gettext_of, wording

_PLAIN, _HTML = (
    f"\r\n--{BOUNDARY}\r\nContent-Type: text/{kind}; charset=utf-8\r\n"
    "Content-Transfer-Encoding: quoted-printable\r\n\r\n".encode()
    for kind in ("plain", "html")
)
_END: Final = f"\r\n--{BOUNDARY}--\r\n".encode()
#: By itself mrml fetches fonts it knows by name from Google: a reader would be seen there.
_HERMETIC: Final = mrml.RenderOptions(fonts={})
_HOLE: Final = re.compile(r"(%\([a-z_]+\)b)")
#: Letters and digits, which every compiler and every escaping leaves alone.
_MARK: Final = re.compile("kept([0-9]+)end")


class Origin(Struct, frozen=True):
    """What of the settings stands in a mail: where links lead, and the usual sender."""

    links: str
    sender: str


class Recipient(Struct, frozen=True):
    """What differs from one mail of a template to the next.

    `address`: ASCII. `date`: aware. `survey`, `unsubscribe`: tokens. `greeting`, `visit`, `place`:
    not escaped, put on one line each; the latter two stand in letters about a visit only.
    """

    address: str
    message_id: str
    date: datetime
    survey: str
    unsubscribe: str
    greeting: str
    visit: str
    place: str


class LetterTemplate(Struct, frozen=True):
    """A compiled mail: its octets, with holes."""

    octets: bytes

    def fill(self, to: Recipient) -> bytes:
        """The whole mail for one person as SMTP carries it, but for the dot at the end."""
        greeting, visit, place = _line(to.greeting), _line_of_many(to.visit), _line(to.place)
        return self.octets % {
            b"address": to.address.encode("ascii"),
            b"date": _date(to.date).encode("ascii"),
            b"message_id": to.message_id.encode("ascii"),
            b"unsubscribe_header": to.unsubscribe.encode("ascii"),
            b"survey": quoted(to.survey),
            b"unsubscribe": quoted(to.unsubscribe),
            b"greeting": greeting.plain,
            b"visit": visit.plain,
            b"place": place.plain,
            b"greeting_html": greeting.markup,
            b"visit_html": visit.markup,
            b"place_html": place.markup,
        }


class _Line(Struct, frozen=True):
    """One line as it travels in both parts of a mail."""

    plain: bytes
    markup: bytes


def _line(text: str) -> _Line:
    line = " ".join(text.split())
    return _Line(quoted(line), quoted(html.escape(line)))


#: Mails that are claimed together say the same of their visits, and have the same date.
_line_of_many: Final = lru_cache(maxsize=1024)(_line)
_date: Final = lru_cache(maxsize=16)(format_datetime)


def compile_letter(
    content: Content, origin: Origin, locale: str, fallback: str, *, visited: bool
) -> LetterTemplate:
    """Compile the mail of `content` in `locale`; texts it lacks are taken from `fallback`.

    `visited`: it is about a visit.
    """
    said = wording(content, locale, fallback)
    kept: list[str] = []
    context = {
        "_": gettext_of(locale),
        "kept": kept,
        "letter": said,
        "language": locale.replace("_", "-"),
        "origin": origin.links,
        "ratings": range(1, BEST_RATING + 1),
        "visited": visited,
    }
    plain = _LAYOUTS.get_template("survey.txt").render(context)
    mjml = _LAYOUTS.get_template("survey.mjml").render(context)
    page = mrml.to_html(mjml, render_options=_HERMETIC).content
    parts = (
        _headers(content.message, said.subject, origin, locale),
        _PLAIN,
        _compiled(f"{plain}\n", kept),
        _HTML,
        _compiled(f"{page}\n", kept),
        _END,
    )
    return LetterTemplate(b"".join(parts))


def quoted(text: str) -> bytes:
    """`text` in quoted-printable (RFC 2045, 6.7), ending in a soft break so that more may follow.

    It stands at the start of a line; dots there are doubled (RFC 5321, 4.5.2).
    """
    if not text:
        return b""
    # The sign at the end keeps room for the break in the last line, and is cut off again.
    octets = text.replace("\r\n", "\n").encode() + b"="
    encoded = b"\n" + binascii.b2a_qp(octets, istext=True).removesuffix(b"=3D")
    if not encoded.endswith(b"\n"):
        encoded += b"=\n"
    return encoded.replace(b"\n.", b"\n..").replace(b"\n", b"\r\n")[2:]


def _compiled(text: str, kept: list[str]) -> bytes:
    """`text` with `kept` in place of its marks, as it travels but for its holes."""
    octets = b""
    for number, part in enumerate(_HOLE.split(text)):
        if number % 2:
            octets += part.encode()
        else:
            constant = _MARK.sub(lambda found: kept[int(found[1])], part)
            octets += quoted(constant).replace(b"%", b"%%")
    return octets


def _headers(message: Message, subject: str, origin: Origin, locale: str) -> bytes:
    constant = (
        mailbox("From", message.sender_name, message.sender_address or origin.sender),
        f"Subject: {header_text('Subject', subject)}\r\n",
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n",
        "Auto-Submitted: auto-generated\r\n",
        # The same for Exchange: no out-of-office reply, no receipt; reports of failure stay wanted.
        "X-Auto-Response-Suppress: DR, RN, NRN, OOF, AutoReply\r\n",
        f"Content-Language: {locale.replace('_', '-')}\r\n",
        "MIME-Version: 1.0\r\n",
        f'Content-Type: multipart/alternative; boundary="{BOUNDARY}"\r\n',
        mailbox("Reply-To", "", message.reply_to) if message.reply_to else "",
    )
    stop = origin.links.replace("%", "%%") + "/u/"
    lines = (
        "".join(constant).replace("%", "%%"),
        "To: %(address)b\r\n",
        "Date: %(date)b\r\n",
        "Message-ID: %(message_id)b\r\n",
        f"List-Unsubscribe: <{stop}%(unsubscribe_header)b>\r\n\r\n",
    )
    return "".join(lines).encode("ascii")


@pass_context
def _set_aside(context: Context, value: object) -> str:
    """Whatever a layout writes, as a mark; it stands there in the end, escaped where it is HTML."""
    kept: list[str] = context["kept"]
    kept.append(str(escape(value) if context.eval_ctx.autoescape else value))
    return f"kept{len(kept) - 1}end"


_LAYOUTS: Final = Environment(
    loader=FileSystemLoader(Path(__file__).parent.parent / "templates"),
    autoescape=select_autoescape(["mjml"]),
    undefined=StrictUndefined,
    finalize=_set_aside,
    trim_blocks=True,
    lstrip_blocks=True,
)
