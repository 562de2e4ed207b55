"""Our SMTP client against a server that listens: what fails is named by its phase."""

import asyncio
import base64
import re
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import uvloop

from mail.delivery.outcomes import Blame, blame_of
from mail.smtp.address import ServerError, parse_server
from mail.smtp.address import SmtpServer as Address
from mail.smtp.client import Envelope, SmtpConnection
from mail.smtp.replies import Phase, SendError
from tests.support.smtp_server import CUT, HANG, TAKE_AND_CUT, SmtpServer

pytestmark = pytest.mark.anyio

MAIL = b"Subject: Hello\r\n\r\nText\r\n"
NAME = "retour.example.test"
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
    return await SmtpConnection.open(address, by(seconds), NAME)


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
    assert blame_of(error) not in (Blame.UNKNOWN, Blame.SERVER)
    await sent(connection, "b@example.test")
    assert [mail.recipient for mail in either.mails] == ["b@example.test"]
    assert either.said("RSET") == 1
    connection.close()


async def test_a_refusal_at_the_dot_is_no_doubt(server: SmtpServer) -> None:
    server.next("DOT", "554 5.6.0 spam", "452 4.3.1 full")
    connection = await opened(server)
    refused, put_off = await failing(connection), await failing(connection)
    assert (refused.phase, blame_of(refused)) == (Phase.CONTENT, Blame.MAIL)
    assert blame_of(put_off) is Blame.LATER
    await sent(connection, "b@example.test")
    connection.close()


@pytest.mark.parametrize("deed", [HANG, CUT])
@pytest.mark.parametrize(
    ("place", "phase", "blame"),
    [
        ("MAIL", Phase.MAIL, Blame.LATER),
        ("RCPT", Phase.RCPT, Blame.LATER),
        ("DATA", Phase.DATA, Blame.LATER),
        ("DOT", Phase.CONTENT, Blame.UNKNOWN),
    ],
)
async def test_silence_is_in_doubt_only_once_the_content_is_on_its_way(
    either: SmtpServer, place: str, phase: Phase, blame: Blame, deed: str
) -> None:
    either.next(place, deed)
    connection = await opened(either)
    error = await failing(connection, SHORT if deed == HANG else PATIENT)
    assert (error.phase, error.code, blame_of(error)) == (phase, None, blame)
    assert not connection.usable


async def test_a_drop_after_the_dot_is_in_doubt(server: SmtpServer) -> None:
    server.next("DOT", TAKE_AND_CUT)
    connection = await opened(server)
    assert blame_of(await failing(connection)) is Blame.UNKNOWN
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
        assert blame_of(await failing(connection)) is Blame.UNKNOWN
        assert not connection.usable


async def test_a_server_that_goes_away_is_left(server: SmtpServer) -> None:
    server.next("MAIL", "421 4.3.2 going down")
    connection = await opened(server)
    error = await failing(connection)
    assert (error.code, blame_of(error), connection.usable) == (421, Blame.LATER, False)


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
    assert blame_of(caught.value) is Blame.SERVER


async def test_an_unreachable_server_is_named_so(server: SmtpServer) -> None:
    await server.stop()
    with pytest.raises(SendError) as caught:
        await opened(server)
    assert (caught.value.phase, blame_of(caught.value)) == (Phase.CONNECT, Blame.SERVER)


@pytest.mark.parametrize(
    "ending",
    [
        "250-more\r\n" * 300,
        "250-more\r\n" * 300 + "250 the last one",
        "220 hello\r\n" + "250 unasked\r\n" * 300,
        "x" * 70_000,
    ],
)
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
    assert blame_of(caught.value) is Blame.LATER
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
    stuffed = re.sub(rb"(?m)^\.", b"..", octets)
    await connection.content(stuffed, by(PATIENT))
    assert server.mails[0].raw == octets.removesuffix(b"\r\n") + b"\r\n"
    connection.close()


async def test_it_logs_in_by_plain(server: SmtpServer) -> None:
    server.extensions.append("AUTH LOGIN PLAIN")
    (await opened(server, user="we", password="s3cret")).close()
    [command] = [item for item in server.commands if item.startswith("AUTH")]
    assert base64.b64decode(command.removeprefix("AUTH PLAIN ")) == b"\0we\0s3cret"


async def test_it_logs_in_by_login_where_there_is_nothing_else(server: SmtpServer) -> None:
    server.extensions.append("AUTH LOGIN")
    server.next("AUTH", "334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6", "235 2.7.0 ok")
    (await opened(server, user="we", password="s3cret")).close()
    assert [base64.b64decode(item) for item in server.commands[-2:]] == [b"we", b"s3cret"]


async def test_a_refused_login_is_the_servers_matter(server: SmtpServer) -> None:
    server.extensions.append("AUTH PLAIN")
    server.next("AUTH", "535 5.7.8 wrong")
    with pytest.raises(SendError) as caught:
        await opened(server, user="we", password="wrong")
    assert (caught.value.phase, caught.value.code) == (Phase.AUTH, 535)
    assert blame_of(caught.value) is Blame.SERVER
    assert "wrong" in str(caught.value)


@pytest.mark.parametrize(("place", "code"), [("MAIL", 530), ("RCPT", 535)])
async def test_a_login_asked_for_later_is_the_servers_matter_too(
    server: SmtpServer, place: str, code: int
) -> None:
    server.next(place, f"{code} 5.7.0 authenticate")
    connection = await opened(server)
    assert blame_of(await failing(connection)) is Blame.SERVER
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
        connection = await SmtpConnection.open(address, by(PATIENT), NAME, trusting)
        await sent(connection, "a@example.test")
        connection.close()
        assert [item.partition(" ")[0] for item in server.commands] == [
            "EHLO", "STARTTLS", "EHLO", "MAIL", "RCPT", "DATA",
        ]  # fmt: skip


async def test_a_certificate_that_nobody_vouches_for_is_refused(
    certificate: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    async with SmtpServer(certificate[0]) as server:
        with pytest.raises(SendError) as caught:
            await SmtpConnection.open(
                Address("127.0.0.1", server.port, "starttls"), by(PATIENT), NAME
            )
        assert caught.value.phase is Phase.TLS
        assert "self-signed certificate" in caught.value.words
        assert server.said("MAIL") == 0


def test_the_loop_of_workers_says_too_what_is_wrong_with_a_certificate(
    certificate: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    async def refused() -> SendError:
        async with SmtpServer(certificate[0]) as server:
            with pytest.raises(SendError) as caught:
                await SmtpConnection.open(
                    Address("127.0.0.1", server.port, "starttls"), by(PATIENT), NAME
                )
        return caught.value

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert "self-signed certificate" in runner.run(refused()).words


async def test_a_server_without_starttls_or_auth_is_told_apart_from_one_that_refuses(
    server: SmtpServer,
) -> None:
    server.always["STARTTLS"] = "502 5.5.1 what is that?"
    server.always["AUTH"] = "503 5.5.1 no such thing here"
    with pytest.raises(SendError) as caught:
        await SmtpConnection.open(Address("127.0.0.1", server.port, "starttls"), by(PATIENT), NAME)
    said = "the server offers no STARTTLS: 502 5.5.1 what is that?"
    assert (caught.value.phase, caught.value.words) == (Phase.TLS, said)
    with pytest.raises(SendError) as caught:
        await opened(server, user="we", password="s3cret")
    said = "the server offers no AUTH: 503 5.5.1 no such thing here"
    assert (caught.value.phase, caught.value.words) == (Phase.AUTH, said)


@pytest.mark.parametrize("kinds", ["PLAIN", "LOGIN"])
async def test_a_server_that_repeats_the_password_gets_it_into_no_record(
    server: SmtpServer, kinds: str
) -> None:
    server.extensions.append(f"AUTH {kinds}")
    secret = base64.b64encode(b"\0we\0s3cret" if kinds == "PLAIN" else b"s3cret").decode()
    asked = [] if kinds == "PLAIN" else ["334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6"]
    server.next("AUTH", *asked, f"500 5.5.2 unrecognized: {secret}")
    with pytest.raises(SendError) as caught:
        await opened(server, user="we", password="s3cret")
    assert caught.value.text == "500 5.5.2 unrecognized: ***"
    assert secret not in str(caught.value)


async def test_it_says_its_name_and_the_servers_words_about_it_are_kept(
    server: SmtpServer,
) -> None:
    (await opened(server)).close()
    assert server.commands == [f"EHLO {NAME}"]
    server.always["EHLO"] = "421 4.7.0 Try again later, closing connection. (EHLO)"
    with pytest.raises(SendError) as caught:
        await opened(server)
    assert caught.value.words == server.always["EHLO"]


@pytest.mark.parametrize("code", [500, 502, 504])
async def test_a_server_that_knows_no_ehlo_is_greeted_with_helo(
    server: SmtpServer, code: int
) -> None:
    server.always["EHLO"] = f"{code} 5.5.1 not implemented"
    connection = await opened(server)
    await sent(connection, "a@example.test")
    await connection.quit(by(PATIENT))
    assert server.commands[:2] == [f"EHLO {NAME}", f"HELO {NAME}"]
    assert len(server.mails) == 1


async def test_a_name_that_is_refused_is_not_said_again(server: SmtpServer) -> None:
    server.always["EHLO"] = "550 5.7.1 Helo command rejected: host not found"
    with pytest.raises(SendError, match="host not found"):
        await opened(server)
    assert server.said("HELO") == 0


async def test_refused_encryption_sends_nothing(server: SmtpServer) -> None:
    server.next("STARTTLS", "454 4.7.0 not available")
    with pytest.raises(SendError) as caught:
        await SmtpConnection.open(Address("127.0.0.1", server.port, "starttls"), by(PATIENT), NAME)
    assert (caught.value.phase, blame_of(caught.value)) == (Phase.TLS, Blame.SERVER)
    assert server.said("MAIL") == 0


async def test_words_that_someone_slipped_in_before_the_encryption_are_not_believed(
    server: SmtpServer,
) -> None:
    server.next("STARTTLS", "220 2.0.0 go\r\n250 2.0.0 injected")
    with pytest.raises(SendError, match="before the encryption"):
        await SmtpConnection.open(Address("127.0.0.1", server.port, "starttls"), by(PATIENT), NAME)


async def test_tls_from_the_start_with_a_server_that_has_none_fails_to_connect(
    server: SmtpServer,
) -> None:
    with pytest.raises(SendError) as caught:
        await SmtpConnection.open(Address("127.0.0.1", server.port, "tls"), by(PATIENT), NAME)
    assert caught.value.phase is Phase.CONNECT


def test_the_log_says_the_servers_words_and_no_address() -> None:
    error = SendError(Phase.RCPT, "550 5.1.1 <marie@example.net>: unknown; ask a@b.example")
    assert error.words == "550 5.1.1 <address>: unknown; ask <address>"


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
