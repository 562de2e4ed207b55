"""Our SMTP client against a server that listens: what fails is named by its phase."""

import asyncio
import base64
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mail.delivery.errors import Phase, SendError
from mail.delivery.server import ServerError, parse_server
from mail.delivery.server import SmtpServer as Address
from mail.delivery.smtp import Envelope, SmtpConnection, stuffed
from tests.mail.smtp_server import CUT, HANG, TAKE_AND_CUT, SmtpServer

pytestmark = pytest.mark.anyio

MAIL = b"Subject: Hello\r\n\r\nText\r\n"
PATIENT = 5.0
SHORT = 0.2


@pytest.fixture
async def server() -> AsyncIterator[SmtpServer]:
    async with SmtpServer() as listening:
        yield listening


@pytest.fixture(params=["pipelining", "one by one"])
async def either(request: pytest.FixtureRequest, server: SmtpServer) -> SmtpServer:
    """The server with and without PIPELINING."""
    if request.param == "one by one":
        server.extensions.remove("PIPELINING")
    return server


def by(seconds: float) -> float:
    return asyncio.get_running_loop().time() + seconds


async def opened(server: SmtpServer, seconds: float = PATIENT, **login: str) -> SmtpConnection:
    address = Address("127.0.0.1", server.port, "none", **login)
    return await SmtpConnection.open(address, by(seconds))


def envelope(recipient: str = "a@example.test") -> Envelope:
    return Envelope("from@example.test", recipient)


async def sent(connection: SmtpConnection, recipient: str, seconds: float = PATIENT) -> None:
    await connection.offer(envelope(recipient), by(seconds))
    await connection.content(MAIL, by(seconds))


async def failing(connection: SmtpConnection, seconds: float = PATIENT) -> SendError:
    with pytest.raises(SendError) as caught:
        await sent(connection, "a@example.test", seconds)
    return caught.value


async def test_several_mails_go_over_one_connection(either: SmtpServer) -> None:
    connection = await opened(either)
    for name in ("a", "b"):
        await sent(connection, f"{name}@example.test")
    await connection.quit(by(PATIENT))
    assert [mail.recipient for mail in either.mails] == ["a@example.test", "b@example.test"]
    assert {mail.raw for mail in either.mails} == {MAIL}
    assert (either.greeted, either.said("RSET"), either.said("QUIT")) == (1, 0, 1)


@pytest.mark.parametrize(
    ("place", "phase"), [("MAIL", Phase.MAIL), ("RCPT", Phase.RCPT), ("DATA", Phase.DATA)]
)
@pytest.mark.parametrize("code", [450, 550])
async def test_a_refusal_leaves_the_connection_to_the_next_mail(
    either: SmtpServer, place: str, phase: Phase, code: int
) -> None:
    either.next(place, f"{code} {code // 100}.2.0 not this one")
    connection = await opened(either)
    error = await failing(connection)
    assert (error.phase, error.code, error.enhanced) == (phase, code, f"{code // 100}.2.0")
    assert (error.uncertain, error.of_server) == (False, False)
    await sent(connection, "b@example.test")
    assert [mail.recipient for mail in either.mails] == ["b@example.test"]
    assert either.said("RSET") == 1
    connection.close()


async def test_a_refusal_at_the_dot_is_no_doubt(server: SmtpServer) -> None:
    server.next("DOT", "554 5.6.0 spam", "452 4.3.1 full")
    connection = await opened(server)
    refused, put_off = await failing(connection), await failing(connection)
    assert (refused.phase, refused.permanent, refused.uncertain) == (Phase.CONTENT, True, False)
    assert (put_off.permanent, put_off.uncertain) == (False, False)
    await sent(connection, "b@example.test")
    connection.close()


@pytest.mark.parametrize("deed", [HANG, CUT])
@pytest.mark.parametrize(
    ("place", "phase", "uncertain"),
    [
        ("MAIL", Phase.MAIL, False),
        ("RCPT", Phase.RCPT, False),
        ("DATA", Phase.DATA, False),
        ("DOT", Phase.CONTENT, True),
    ],
)
async def test_silence_is_in_doubt_only_once_the_content_is_on_its_way(
    either: SmtpServer, place: str, phase: Phase, uncertain: bool, deed: str
) -> None:
    either.next(place, deed)
    connection = await opened(either)
    error = await failing(connection, SHORT if deed == HANG else PATIENT)
    assert (error.phase, error.code, error.uncertain) == (phase, None, uncertain)
    assert not connection.usable


async def test_a_drop_after_the_dot_is_in_doubt(server: SmtpServer) -> None:
    server.next("DOT", TAKE_AND_CUT)
    connection = await opened(server)
    assert (await failing(connection)).uncertain
    assert len(server.mails) == 1


@pytest.mark.parametrize("odd", ["354 again?", "220 hello", "nonsense"])
async def test_an_odd_reply_after_the_dot_is_in_doubt_unless_it_is_success(
    server: SmtpServer, odd: str
) -> None:
    server.next("DOT", odd)
    connection = await opened(server)
    if odd.startswith("2"):
        await sent(connection, "a@example.test")
        connection.close()
    else:
        assert (await failing(connection)).uncertain
        assert not connection.usable


async def test_a_server_that_goes_away_is_left(server: SmtpServer) -> None:
    server.next("MAIL", "421 4.3.2 going down")
    connection = await opened(server)
    error = await failing(connection)
    assert (error.code, error.permanent, connection.usable) == (421, False, False)


async def test_the_first_refusal_counts_if_the_connection_breaks_behind_it(
    server: SmtpServer,
) -> None:
    server.next("MAIL", "450 4.1.8 not now")
    server.next("RCPT", CUT)
    connection = await opened(server)
    error = await failing(connection)
    assert (error.phase, error.code, connection.usable) == (Phase.MAIL, 450, False)


@pytest.mark.parametrize("deed", [HANG, CUT, "554 no", "421 too many", "hello"])
async def test_a_greeting_that_is_none_is_the_servers_fault(server: SmtpServer, deed: str) -> None:
    server.always["GREETING"] = deed
    with pytest.raises(SendError) as caught:
        await opened(server, SHORT if deed == HANG else PATIENT)
    assert caught.value.phase is Phase.GREETING
    assert caught.value.of_server


async def test_an_unreachable_server_is_named_so(server: SmtpServer) -> None:
    await server.stop()
    with pytest.raises(SendError) as caught:
        await opened(server)
    assert (caught.value.phase, caught.value.of_server) == (Phase.CONNECT, True)


@pytest.mark.parametrize("ending", ["250-more\r\n" * 300, "x" * 70_000])
async def test_a_reply_without_end_is_cut(server: SmtpServer, ending: str) -> None:
    server.always["GREETING"] = ending.rstrip()
    with pytest.raises(SendError, match=r"no end|not speak SMTP"):
        await opened(server)


async def test_a_process_that_slept_past_its_deadline_sends_nothing(server: SmtpServer) -> None:
    connection = await opened(server)
    await connection.offer(envelope(), by(PATIENT))
    with pytest.raises(SendError) as caught:
        await connection.content(MAIL, by(-1))
    assert caught.value.phase is Phase.DATA
    assert not caught.value.uncertain
    connection.close()
    await server.ended()
    assert server.mails == []


async def test_the_next_mail_is_announced_in_the_same_breath(either: SmtpServer) -> None:
    connection = await opened(either)
    await connection.offer(envelope("a@example.test"), by(PATIENT))
    await connection.content(MAIL, by(PATIENT), envelope("b@example.test"))
    if "PIPELINING" in either.extensions:
        await either.until("DATA", 2)
    await sent(connection, "b@example.test")
    await connection.quit(by(PATIENT))
    assert [mail.recipient for mail in either.mails] == ["a@example.test", "b@example.test"]
    assert (either.greeted, either.said("DATA"), either.said("QUIT")) == (1, 2, 1)


@pytest.mark.parametrize("place", ["DOT", "RCPT"])
async def test_an_announced_mail_is_not_concerned_by_what_befell_the_one_before(
    server: SmtpServer, place: str
) -> None:
    connection = await opened(server)
    server.next("RCPT", "250 2.1.5 ok", "550 5.1.1 unknown" if place == "RCPT" else "250 2.1.5 ok")
    server.next("DOT", "554 5.6.0 spam" if place == "DOT" else "250 2.0.0 taken")
    await connection.offer(envelope("a@example.test"), by(PATIENT))
    if place == "DOT":
        with pytest.raises(SendError, match="spam"):
            await connection.content(MAIL, by(PATIENT), envelope("b@example.test"))
        await sent(connection, "b@example.test")
    else:
        await connection.content(MAIL, by(PATIENT), envelope("b@example.test"))
        with pytest.raises(SendError, match="unknown"):
            await sent(connection, "b@example.test")
    await sent(connection, "c@example.test")
    survivor = "b" if place == "DOT" else "a"
    assert [mail.recipient for mail in server.mails] == [
        f"{survivor}@example.test",
        "c@example.test",
    ]
    assert server.greeted == 1
    connection.close()


async def test_a_mail_that_was_announced_and_not_sent_is_withdrawn(server: SmtpServer) -> None:
    connection = await opened(server)
    await connection.offer(envelope("a@example.test"), by(PATIENT))
    await connection.content(MAIL, by(PATIENT), envelope("b@example.test"))
    await connection.quit(by(PATIENT))
    await server.ended()
    assert not connection.usable
    assert [mail.recipient for mail in server.mails] == ["a@example.test"]
    assert server.said("QUIT") == 0


async def test_nobody_gets_an_empty_mail_where_all_but_the_start_was_accepted(
    server: SmtpServer,
) -> None:
    connection = await opened(server)
    server.next("RCPT", "450 4.2.1 later")
    await failing(connection)
    server.next("RSET", "451 4.3.0 not now")
    assert (await failing(connection)).code == 451
    await server.ended()
    assert server.mails == []
    assert not connection.usable


async def test_content_that_is_wanted_for_a_refused_recipient_is_a_lone_dot(
    server: SmtpServer,
) -> None:
    server.next("RCPT", "550 5.1.1 unknown")
    server.next("DATA", "354 go on all the same")
    server.next("DOT", "554 5.5.1 no valid recipients")
    connection = await opened(server)
    error = await failing(connection)
    assert (error.phase, error.code, server.said("DATA")) == (Phase.RCPT, 550, 1)
    await sent(connection, "b@example.test")
    assert [mail.recipient for mail in server.mails] == ["b@example.test"]
    assert server.greeted == 1
    connection.close()


async def test_a_slow_reader_is_waited_for(server: SmtpServer) -> None:
    connection = await opened(server)
    large = b"X: " + b"y" * 70 + b"\r\n"
    await connection.offer(envelope(), by(PATIENT))
    await connection.content(large * 100_000, by(PATIENT))
    assert server.mails[0].raw == large * 100_000
    connection.close()


@pytest.mark.parametrize(
    "octets", [b".\r\n", b"a\r\n.\r\n..b\r\n", b".a\r\n\r\n.", b"no end", b"\r\n"]
)
async def test_dots_at_the_start_of_lines_survive(server: SmtpServer, octets: bytes) -> None:
    connection = await opened(server)
    await connection.offer(envelope(), by(PATIENT))
    await connection.content(octets, by(PATIENT))
    assert server.mails[0].raw == octets.removesuffix(b"\r\n") + b"\r\n"
    assert stuffed(octets).endswith(b"\r\n.\r\n")
    connection.close()


async def test_it_logs_in_by_plain(server: SmtpServer) -> None:
    server.extensions.append("AUTH LOGIN PLAIN")
    (await opened(server, user="we", password="s3cret")).close()
    [command] = [one for one in server.commands if one.startswith("AUTH")]
    assert base64.b64decode(command.removeprefix("AUTH PLAIN ")) == b"\0we\0s3cret"


async def test_it_logs_in_by_login_where_there_is_nothing_else(server: SmtpServer) -> None:
    server.extensions.append("AUTH LOGIN")
    server.next("AUTH", "334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6", "235 2.7.0 ok")
    (await opened(server, user="we", password="s3cret")).close()
    assert [base64.b64decode(one) for one in server.commands[-2:]] == [b"we", b"s3cret"]


async def test_a_refused_login_is_the_servers_matter(server: SmtpServer) -> None:
    server.extensions.append("AUTH PLAIN")
    server.next("AUTH", "535 5.7.8 wrong")
    with pytest.raises(SendError) as caught:
        await opened(server, user="we", password="wrong")
    assert (caught.value.phase, caught.value.code) == (Phase.AUTH, 535)
    assert caught.value.of_server
    assert "wrong" in str(caught.value)


@pytest.mark.parametrize(("place", "code"), [("MAIL", 530), ("RCPT", 535)])
async def test_a_login_asked_for_later_is_the_servers_matter_too(
    server: SmtpServer, place: str, code: int
) -> None:
    server.next(place, f"{code} 5.7.0 authenticate")
    connection = await opened(server)
    assert (await failing(connection)).of_server
    connection.close()


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's TLS for 127.0.0.1, and the TLS of a client that trusts it."""
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1", "-addext",
         "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)],
        check=True,
        capture_output=True,
    )  # fmt: skip
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(cert, key)
    return serving, ssl.create_default_context(cafile=cert)


async def test_starttls_encrypts_before_anything_is_said(
    certificate: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    serving, trusting = certificate
    async with SmtpServer(serving) as server:
        address = Address("127.0.0.1", server.port, "starttls")
        connection = await SmtpConnection.open(address, by(PATIENT), trusting)
        await sent(connection, "a@example.test")
        connection.close()
        assert [one.partition(" ")[0] for one in server.commands] == [
            "EHLO", "STARTTLS", "EHLO", "MAIL", "RCPT", "DATA",
        ]  # fmt: skip


async def test_a_certificate_that_nobody_vouches_for_is_refused(
    certificate: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    async with SmtpServer(certificate[0]) as server:
        with pytest.raises(SendError) as caught:
            await SmtpConnection.open(Address("127.0.0.1", server.port, "starttls"), by(PATIENT))
        assert caught.value.phase is Phase.TLS
        assert server.said("MAIL") == 0


async def test_refused_encryption_sends_nothing(server: SmtpServer) -> None:
    server.next("STARTTLS", "454 4.7.0 not available")
    with pytest.raises(SendError) as caught:
        await SmtpConnection.open(Address("127.0.0.1", server.port, "starttls"), by(PATIENT))
    assert (caught.value.phase, caught.value.of_server) == (Phase.TLS, True)
    assert server.said("MAIL") == 0


async def test_words_that_someone_slipped_in_before_the_encryption_are_not_believed(
    server: SmtpServer,
) -> None:
    server.next("STARTTLS", "220 2.0.0 go\r\n250 2.0.0 injected")
    with pytest.raises(SendError, match="before the encryption"):
        await SmtpConnection.open(Address("127.0.0.1", server.port, "starttls"), by(PATIENT))


async def test_tls_from_the_start_with_a_server_that_has_none_fails_to_connect(
    server: SmtpServer,
) -> None:
    with pytest.raises(SendError) as caught:
        await SmtpConnection.open(Address("127.0.0.1", server.port, "tls"), by(PATIENT))
    assert caught.value.phase is Phase.CONNECT


@pytest.mark.parametrize(
    ("code", "enhanced", "phase", "of_recipient"),
    [
        (550, "5.1.1", Phase.RCPT, True),
        (553, "5.1.3", Phase.CONTENT, True),
        (550, "5.7.1", Phase.RCPT, False),
        (552, "5.2.2", Phase.RCPT, False),
        (550, None, Phase.RCPT, False),
        (550, "5.1.8", Phase.RCPT, False),
        (550, "5.1.1", Phase.MAIL, False),
        (450, "4.1.1", Phase.RCPT, False),
    ],
)
def test_only_a_bad_mailbox_is_the_recipients_fault(
    code: int, enhanced: str | None, phase: Phase, of_recipient: bool
) -> None:
    assert SendError(phase, "text", code, enhanced).of_recipient is of_recipient


def test_addresses_of_servers_are_urls() -> None:
    assert parse_server("smtp://mx.example.test") == Address("mx.example.test", 25, "none")
    assert parse_server("smtps://we:p%40ss@mx.example.test:4465") == Address(
        "mx.example.test", 4465, "tls", "we", "p@ss"
    )
    assert parse_server("smtp+starttls://mx.example.test").port == 587


@pytest.mark.parametrize("url", ["http://mx", "smtp://", "mx.example.test:25", "smtp://mx:x"])
def test_what_is_no_server_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ServerError) as caught:
        parse_server(url)
    assert url not in str(caught.value)
