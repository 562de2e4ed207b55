"""Headers of mails: what is typed is shown as typed, and never ends its line."""

from email import message_from_bytes, message_from_string
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import parseaddr

import pytest

from mail.message.template import header_text, mailbox

TEXTS = (
    "How did our visit go?",
    "Comment s\u2019est passée notre visite\u00a0?",
    "=?utf-8?q?hi=0D=0ABcc:_me@a.example?=",
    "=?utf-8?q?hello=0D=0A=0D=0ABody?= and more",
    "=?utf-8?b?!?=",
    'a" <b@example.org>, "c',
    "Lavoie, Fils (1992); \\o/",
    "a" * 70,
)


def read(header: str) -> EmailMessage:
    """The header as a mail program reads it, once it is seen to be one header in short lines."""
    lines = header.removesuffix("\r\n").split("\r\n")
    assert all(len(line) <= 78 and "\n" not in line for line in lines)
    assert all(line.startswith(" ") for line in lines[1:])
    message = message_from_bytes(header.encode("ascii") + b"\r\nbody", policy=SMTP)
    assert len(message.keys()) == 1
    assert isinstance(message, EmailMessage)
    return message


def named(header: str) -> tuple[str, str]:
    """The name and the address of a mailbox; `email.policy` puts blanks between encoded words."""
    name, address = parseaddr(message_from_string(header)["From"])
    return str(make_header(decode_header(name))), address


@pytest.mark.parametrize("text", [*TEXTS, " blanks ", "word " * 40, "é" * 200])
def test_a_subject_is_what_was_typed(text: str) -> None:
    header = f"Subject: {header_text('Subject', text)}\r\n"
    assert str(read(header)["Subject"]) == text


@pytest.mark.parametrize("name", TEXTS)
def test_a_sender_is_one_mailbox_with_the_name_that_was_typed(name: str) -> None:
    header = mailbox("From", name, "Survey@Boréal.example")
    assert len(read(header)["From"].addresses) == 1
    assert named(header) == (name, "Survey@xn--boral-dsa.example")


@pytest.mark.parametrize("name", ["a" * 200, "é" * 200, "😀" * 50, "a\u2028b\u0085c"])
def test_a_long_or_odd_name_is_folded_between_its_characters(name: str) -> None:
    header = mailbox("From", name, "survey@boreal.example")
    assert len(read(header)["From"].addresses) == 1
    assert named(header) == (name, "survey@boreal.example")


def test_a_mailbox_without_a_name_is_its_address() -> None:
    assert mailbox("Reply-To", "", "=?x?q?y?=@a.example") == "Reply-To: =?x?q?y?=@a.example\r\n"
