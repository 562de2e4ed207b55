"""One campaign version in one language, compiled to bytes with holes, and filled for a person."""

import html
from datetime import datetime
from email.utils import format_datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import Final

import mrml
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import escape
from msgspec import Struct

from mail.definition import BEST_RATING, Content
from mail.i18n import translations
from mail.letter.headers import BOUNDARY, folded, mailbox
from mail.letter.pieces import Pieces, Slots, quoted, stuffed
from mail.letter.wording import Gettext, Wording, one_line, wording

_FOLDER: Final = Path(__file__).parent.parent
CATALOGUES: Final = _FOLDER / "locale"
_PLAIN, _HTML = (
    f"\r\n--{BOUNDARY}\r\nContent-Type: text/{kind}; charset=utf-8\r\n"
    "Content-Transfer-Encoding: quoted-printable\r\n\r\n".encode()
    for kind in ("plain", "html")
)
_END: Final = f"\r\n--{BOUNDARY}--\r\n".encode()
#: By itself mrml fetches fonts it knows by name from Google: a reader would be seen there.
_HERMETIC: Final = mrml.RenderOptions(fonts={})


class Origin(Struct, frozen=True):
    """What of the settings stands in a mail: where links lead, and the usual sender."""

    links: str
    sender: str


class Recipient(Struct, frozen=True):
    """What differs from one mail of a template to the next.

    `address`: ASCII. `date`: aware. `greeting`, `visit`, `place`: one line each, not escaped; the
    latter two stand in letters about a visit only.
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
    """A compiled mail."""

    headers: str
    text: Pieces
    html: Pieces
    origin: str

    def fill(self, to: Recipient) -> bytes:
        """The whole mail for one person as SMTP carries it, but for the dot at the end."""
        greeting, visit, place = _said(to.greeting), _said_to_many(to.visit), _said(to.place)
        links = {"survey": quoted(to.survey), "unsubscribe": quoted(to.unsubscribe)}
        plain = {"greeting": greeting.plain, "visit": visit.plain, "place": place.plain}
        markup = {"greeting": greeting.markup, "visit": visit.markup, "place": place.markup}
        headers = (
            f"{self.headers}To: {to.address}\r\nDate: {_date(to.date)}\r\n"
            f"Message-ID: {to.message_id}\r\n"
            f"List-Unsubscribe: <{self.origin}/u/{to.unsubscribe}>\r\n\r\n"
        )
        return b"".join(
            (
                headers.encode("ascii"),
                _PLAIN,
                self.text.filled(plain | links),
                _HTML,
                self.html.filled(markup | links),
                _END,
            )
        )


class _Said(Struct, frozen=True):
    """One line as it travels in both parts of a mail."""

    plain: bytes
    markup: bytes


def _said(text: str) -> _Said:
    line = one_line(text)
    return _Said(stuffed(quoted(line)), stuffed(quoted(html.escape(line))))


#: Mails that are claimed together say the same of their visits, and have the same date.
_said_to_many: Final = lru_cache(maxsize=1024)(_said)
_date: Final = lru_cache(maxsize=16)(format_datetime)


@cache
def gettext_of(locale: str) -> Gettext:
    """The texts of mails in `locale`."""
    return translations(locale, CATALOGUES).gettext


def compile_letter(
    content: Content, origin: Origin, locale: str, fallback: str, *, visited: bool
) -> LetterTemplate:
    """Compile the mail of `content` in `locale`; texts it lacks are taken from `fallback`.

    `visited`: it is about a visit.
    """
    slots = Slots()
    said = wording(content, gettext_of(locale), locale, fallback)
    context = {
        "letter": said,
        "language": locale.replace("_", "-"),
        "origin": origin.links,
        "ratings": range(1, BEST_RATING + 1),
        "slot": slots.mark,
        "slots": slots,
        "visited": visited,
    }
    mjml = _environment(locale, True).get_template("survey.mjml").render(context)
    plain = _environment(locale, False).get_template("survey.txt").render(context)
    return LetterTemplate(
        headers=_headers(content, said, origin, locale),
        text=slots.cut(f"{plain}\n"),
        html=slots.cut(f"{mrml.to_html(mjml, render_options=_HERMETIC).content}\n"),
        origin=origin.links,
    )


def _headers(content: Content, said: Wording, origin: Origin, locale: str) -> str:
    message = content.message
    lines = [
        mailbox("From", message.sender_name, message.sender_address or origin.sender),
        folded("Subject", said.subject),
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n",
        "Auto-Submitted: auto-generated\r\n",
        # The same for Exchange: no out-of-office reply, no receipt; reports of failure stay wanted.
        "X-Auto-Response-Suppress: DR, RN, NRN, OOF, AutoReply\r\n",
        f"Content-Language: {locale.replace('_', '-')}\r\n",
        "MIME-Version: 1.0\r\n",
        f'Content-Type: multipart/alternative; boundary="{BOUNDARY}"\r\n',
    ]
    if message.reply_to:
        lines.append(mailbox("Reply-To", "", message.reply_to))
    return "".join(lines)


@pass_context
def _behind_the_layout(context: Context, value: object) -> str:
    """Whatever a layout writes, as a mark that mrml cannot spoil; it stands there, escaped."""
    slots: Slots = context["slots"]
    return slots.keep(str(escape(value)))


@cache
def _environment(locale: str, escaped: bool) -> Environment:
    texts = translations(locale, CATALOGUES)
    made = Environment(
        loader=FileSystemLoader(_FOLDER / "templates"),
        extensions=["jinja2.ext.i18n"],
        autoescape=escaped,  # noqa: S701 - plain text has no markup to escape
        undefined=StrictUndefined,
        finalize=_behind_the_layout if escaped else None,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.install_gettext_callables(  # type: ignore[attr-defined]  # added by the extension
        texts.gettext, texts.ngettext, newstyle=True
    )
    return made
