"""The demo's mailbox keeps what it is sent, byte for byte, and reads it back."""

import asyncio
import smtplib
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from server.runtime.mailbox import Mailbox, listen, smtp_url

pytestmark = pytest.mark.anyio


def a_mail(subject: str) -> EmailMessage:
    mail = EmailMessage()
    mail["From"] = "Services Boréal <enquete@services.example>"
    mail["To"] = "Zoé Côté <zoe@client.example>"
    mail["Subject"] = subject
    mail.set_content("Bonjour Zoé")
    mail.add_alternative("<p>Bonjour Zoé</p>", subtype="html")
    return mail


def send(url: str, *mails: EmailMessage) -> None:
    parts = urlsplit(url)
    with smtplib.SMTP(str(parts.hostname), int(parts.port or 0), timeout=10) as smtp:
        for mail in mails:
            smtp.send_message(mail, "retour@services.example", ["zoe@client.example"])


async def receive(mailbox: Mailbox, *mails: EmailMessage) -> None:
    server = await listen(mailbox)
    async with server:
        await asyncio.to_thread(send, smtp_url(server), *mails)


async def test_a_mail_is_read_back_with_both_parts(tmp_path: Path) -> None:
    mailbox = Mailbox(tmp_path / "mailbox")
    await receive(mailbox, a_mail("Votre visite à Québec"))
    [message] = mailbox.messages()
    assert message.to == "zoe@client.example"
    assert message.sender == "retour@services.example"
    assert message.author == "Services Boréal <enquete@services.example>"
    assert message.subject == "Votre visite à Québec"
    assert message.text.strip() == "Bonjour Zoé"
    assert message.html.strip() == "<p>Bonjour Zoé</p>"
    assert message.raw.startswith("From: Services =?utf-8?")


async def test_the_newest_mail_comes_first_and_all_survive_a_restart(tmp_path: Path) -> None:
    await receive(Mailbox(tmp_path), a_mail("un"), a_mail("deux"))
    again = Mailbox(tmp_path)
    assert [message.subject for message in again.messages()] == ["deux", "un"]


async def test_a_mail_is_found_by_its_id_and_any_other_id_is_nothing(tmp_path: Path) -> None:
    mailbox = Mailbox(tmp_path)
    await receive(mailbox, a_mail("un"))
    [message] = mailbox.messages()
    assert mailbox.message(message.id) == message
    assert mailbox.message(uuid4()) is None


async def test_a_mail_came_when_its_sender_says_that_it_was_sent(tmp_path: Path) -> None:
    """The demonstration's clock may be ahead of that by which files are named."""
    ahead = datetime(2042, 5, 4, 12, 30, tzinfo=UTC)
    dated, undated, odd, last = map(a_mail, ("un", "deux", "trois", "quatre"))
    dated["Date"] = ahead
    odd["Date"] = "soon"
    last["Date"] = "Fri, 31 Dec 9999 23:59:59 -1200"
    mailbox = Mailbox(tmp_path)
    await receive(mailbox, dated, undated, odd, last)
    by_name = {message.subject: message.received for message in mailbox.messages()}
    assert by_name["un"] == ahead
    assert all(by_name[name] < ahead for name in ("deux", "trois", "quatre"))


async def test_a_mail_left_half_written_by_a_crash_is_not_shown(tmp_path: Path) -> None:
    mailbox = Mailbox(tmp_path)
    (tmp_path / f".{uuid4()}").write_bytes(b"Return-Path: <a@b.example>\r\nDeliv")
    assert mailbox.messages() == []
