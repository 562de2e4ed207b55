r"""A version of a campaign in one language, compiled to octets with placeholders.

Compiling encodes everything as it is sent: in quoted-printable, with dots stuffed. Each part
between placeholders is encoded for itself and ends in a soft line break, which may be anywhere. So
filling the template for a recipient takes a few short encodings only.

The layouts in mail/templates have placeholders `%(name)b`. The texts of a campaign are replaced by
marks while layouts are rendered, and put in at the end. So no text can look like a placeholder, and
none passes through mrml, which would spoil it: it writes attributes in Rust's debug form (a
no-break space as `\u{a0}`), and numeric references are no way around that (`&#133;` is "…" in
HTML).

Headers are not made by the package `email`: it decodes text that looks like an encoded word before
writing it (a subject `=?utf-8?q?=0D=0A?=` would then begin a header of its own), and it treats
U+0085 and U+2028 as ends of lines.
"""

import binascii
import html
import re
from datetime import datetime
from email.charset import QP, Charset
from email.utils import format_datetime
from functools import lru_cache
from itertools import repeat
from pathlib import Path
from typing import Final

import mrml
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context, select_autoescape
from jinja2.runtime import Context
from markupsafe import escape
from msgspec import Struct

from mail.campaigns.definition import Content
from mail.campaigns.look import own_colours
from mail.campaigns.sender import NOBODY, SenderIdentity
from mail.campaigns.texts import Message
from mail.i18n import translations
from mail.message.wording import CATALOGUES, imprint, wording
from rules.address import sendable
from rules.questions.scales import RatingKind

#: How many ratings stand beside each other: cells for thumbs on a phone.
_ACROSS: Final[dict[RatingKind, int]] = {"thumbs": 2, "stars": 5, "effort": 7, "nps": 6}
#: Occurs in no quoted-printable text: after a "=" come two hexadecimal digits or a line's end.
_BOUNDARY: Final = "=_retour"
_PLAIN, _HTML = (
    f"\r\n--{_BOUNDARY}\r\nContent-Type: text/{kind}; charset=utf-8\r\n"
    "Content-Transfer-Encoding: quoted-printable\r\n\r\n".encode()
    for kind in ("plain", "html")
)
_END: Final = f"\r\n--{_BOUNDARY}--\r\n".encode()
#: Without this mrml links fonts at Google, which would then see each reader.
_WITHOUT_FONTS: Final = mrml.RenderOptions(fonts={})
_PLACEHOLDER: Final = re.compile(r"(%\([a-z_]+\)b)")
#: Blanks and ends of lines, but no blank that keeps a line together.
_BREAKABLE: Final = re.compile(r"[^\S\u00a0\u202f]+")
#: Letters and digits, which no compiler or escaping changes.
_MARK: Final = re.compile("mark([0-9]+)end")

#: The length of a line that RFC 5322 recommends.
_LINE_LENGTH: Final = 78
_PRINTABLE: Final = re.compile(r"[ -~]*")
_ATOMS: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")
_SPECIAL: Final = re.compile(r'(["\\])')
#: The length of an encoded word: behind the longest name of a header it fits into a line.
_WORD: Final = 67
_ENCODING: Final = Charset("utf-8")
_ENCODING.header_encoding = QP


class Origin(Struct, frozen=True):
    """Settings that occur in mails: the origin of links, and the default sender."""

    links: str
    sender: str


class Recipient(Struct, frozen=True):
    """What differs between the mails of a template.

    `address`: ASCII. `date`: aware. `survey`, `unsubscribe`: tokens. `greeting`, `visit`, `place`:
    not escaped, one line each; the latter two are used in mails about a visit only. `reminder`, the
    line that says so, and `replies_to`, the Message-ID of the first mail: in reminders only; empty
    where another address had that.
    """

    address: str
    message_id: str
    date: datetime
    survey: str
    unsubscribe: str
    greeting: str
    visit: str
    place: str
    reminder: str = ""
    replies_to: str = ""


class LetterTemplate(Struct, frozen=True):
    """A compiled mail: octets with placeholders."""

    octets: bytes

    def fill(self, to: Recipient) -> bytes:
        """Return the mail for one person as SMTP carries it, without the final dot."""
        greeting, visit, place = _line(to.greeting), _cached_line(to.visit), _line(to.place)
        reminder, first = _cached_line(to.reminder), to.replies_to
        thread = f"In-Reply-To: {first}\r\nReferences: {first}\r\n" if first else ""
        return self.octets % {
            b"address": to.address.encode("ascii"),
            b"date": _cached_date(to.date).encode("ascii"),
            b"message_id": to.message_id.encode("ascii"),
            b"thread": thread.encode("ascii"),
            b"unsubscribe_header": to.unsubscribe.encode("ascii"),
            b"survey": quoted(to.survey),
            b"unsubscribe": quoted(to.unsubscribe),
            b"greeting": greeting.plain,
            b"visit": visit.plain,
            b"place": place.plain,
            b"reminder": reminder.plain,
            b"greeting_html": greeting.markup,
            b"visit_html": visit.markup,
            b"place_html": place.markup,
            b"reminder_html": reminder.markup,
        }


class _Line(Struct, frozen=True):
    """One line, encoded for both parts of a mail."""

    plain: bytes
    markup: bytes


def _line(text: str) -> _Line:
    line = _BREAKABLE.sub(" ", text).strip()
    return _Line(quoted(line), quoted(html.escape(line)))


#: Mails that are claimed together share dates, and descriptions of visits and reminders.
_cached_line: Final = lru_cache(maxsize=1024)(_line)
_cached_date: Final = lru_cache(maxsize=16)(format_datetime)


def compile_letter(
    content: Content,
    origin: Origin,
    locale: str,
    fallback: str,
    *,
    visited: bool,
    reminds: bool = False,
    identity: SenderIdentity = NOBODY,
) -> LetterTemplate:
    """Compile the mail of `content` in `locale`; missing texts are those in `fallback`.

    `visited`: it is about a visit. `reminds`: it is a reminder. `identity`: who sends it, by law.
    """
    letter = wording(content, locale, fallback, reminds=reminds)
    marked: list[str] = []
    context = {
        "_": translations(locale, CATALOGUES).gettext,
        "marked": marked,
        "letter": letter,
        "language": locale.replace("_", "-"),
        "origin": origin.links,
        "lead": content.lead,
        "across": _ACROSS[content.lead.kind],
        "own_colours": own_colours(content.lead.look, content.lead.scale),
        "visited": visited,
        "reminds": reminds,
        "imprint": imprint(identity),
    }
    mjml = _LAYOUTS.get_template("survey.mjml").render(context)
    page = mrml.to_html(mjml, render_options=_WITHOUT_FONTS).content
    parts = (
        _headers(content.message, letter.subject, origin, locale, reminds=reminds),
        _PLAIN,
        _compiled(f"{_LAYOUTS.get_template('survey.txt').render(context)}\n", marked),
        _HTML,
        _compiled(f"{page}\n", marked),
        _END,
    )
    return LetterTemplate(b"".join(parts))


def quoted(text: str) -> bytes:
    """Return `text` in quoted-printable (RFC 2045, 6.7), ending in a soft line break.

    It begins a line; dots at the start of lines are doubled (RFC 5321, 4.5.2).
    """
    if not text:
        return b""
    # The "=" at the end leaves room for the break in the last line, and is removed again.
    octets = text.replace("\r\n", "\n").encode() + b"="
    encoded = b"\n" + binascii.b2a_qp(octets, istext=True).removesuffix(b"=3D")
    if not encoded.endswith(b"\n"):
        encoded += b"=\n"
    return encoded.replace(b"\n.", b"\n..").replace(b"\n", b"\r\n")[2:]


def _compiled(text: str, marked: list[str]) -> bytes:
    """Return `text` encoded, with the texts `marked` in place of marks, and placeholders."""
    octets = b""
    for number, part in enumerate(_PLACEHOLDER.split(text)):
        if number % 2:
            octets += part.encode()
        else:
            constant = _MARK.sub(lambda found: marked[int(found[1])], part)
            octets += quoted(constant).replace(b"%", b"%%")
    return octets


def _headers(
    message: Message, subject: str, origin: Origin, locale: str, *, reminds: bool
) -> bytes:
    constant = (
        mailbox("From", message.sender_name, message.sender_address or origin.sender),
        f"Subject: {header_text('Subject', subject)}\r\n",
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n",
        "Auto-Submitted: auto-generated\r\n",
        # For Exchange: no out-of-office replies and receipts, but reports of failures.
        "X-Auto-Response-Suppress: DR, RN, NRN, OOF, AutoReply\r\n",
        f"Content-Language: {locale.replace('_', '-')}\r\n",
        "MIME-Version: 1.0\r\n",
        f'Content-Type: multipart/alternative; boundary="{_BOUNDARY}"\r\n',
        mailbox("Reply-To", "", message.reply_to) if message.reply_to else "",
    )
    unsubscribe = origin.links.replace("%", "%%") + "/u/"
    lines = (
        "".join(constant).replace("%", "%%"),
        "To: %(address)b\r\n",
        "Date: %(date)b\r\n",
        "Message-ID: %(message_id)b\r\n",
        "%(thread)b" if reminds else "",
        f"List-Unsubscribe: <{unsubscribe}%(unsubscribe_header)b>\r\n\r\n",
    )
    return "".join(lines).encode("ascii")


def header_text(name: str, text: str) -> str:
    """Return `text` for the header `name`: encoded words (RFC 2047), one a line, if need be.

    Text that fits and does not look like an encoded word stays as it is. No character is split.
    """
    fits = len(name) + len(": ") + len(text) <= _LINE_LENGTH
    if fits and "=?" not in text and text == text.strip() and _PRINTABLE.fullmatch(text):
        return text
    return "\r\n ".join(filter(None, _ENCODING.header_encode_lines(text, repeat(_WORD))))


def mailbox(name: str, person: str, address: str) -> str:
    """Return a header line with a mailbox; `person` may be empty, `address` is as typed."""
    target = sendable(address)
    if not person:
        return f"{name}: {target}\r\n"
    if (words := header_text(name, person)) != person:
        return f"{name}: {words}\r\n <{target}>\r\n"
    phrase = person if _ATOMS.fullmatch(person) else '"' + _SPECIAL.sub(r"\\\1", person) + '"'
    gap = " " if len(f"{name}: {phrase} <{target}>") <= _LINE_LENGTH else "\r\n "
    return f"{name}: {phrase}{gap}<{target}>\r\n"


@pass_context
def _mark(context: Context, value: object) -> str:
    """Return the mark of a text that a layout writes, and store it, escaped if it is HTML."""
    marked: list[str] = context["marked"]
    marked.append(str(escape(value) if context.eval_ctx.autoescape else value))
    return f"mark{len(marked) - 1}end"


_LAYOUTS: Final = Environment(
    loader=FileSystemLoader(Path(__file__).parent.parent / "templates"),
    autoescape=select_autoescape(["mjml"]),
    undefined=StrictUndefined,
    finalize=_mark,
    trim_blocks=True,
    lstrip_blocks=True,
)
