"""Sending: a worker's deliveries beside a bare smtplib loop with as many connections and bytes."""

import asyncio
import os
import shutil
import smtplib
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Final

from mail.config import MailConfig
from mail.sending.run import deliver_due
from mail.smtp.address import parse_server
from tests.bench.deciding import add_campaigns, add_history
from tests.bench.ground import Ground
from tests.bench.measuring import Line, Metered, Work, in_turns
from tests.bench.rounds import plan_again
from tests.support.processes import answers, free_port, until
from tests.support.smtp_sink import Sink

MAILS: Final = 4000
CONNECTIONS: Final = 24
SENDER: Final = "retour@bench.test"


@contextmanager
def smtp_sink() -> Iterator[int]:
    """Postfix's smtp-sink on a free port: faster than anything that sends to it.

    :raises FileNotFoundError: it is not installed (Debian: postfix).
    """
    program = shutil.which("smtp-sink") or shutil.which("smtp-sink", path="/usr/sbin")
    if program is None:
        raise FileNotFoundError("smtp-sink is missing; it comes with postfix")
    port = free_port()
    user = ["-u", "nobody"] if os.geteuid() == 0 else []  # it will not be root
    with subprocess.Popen([program, *user, f"127.0.0.1:{port}", "1000"]) as process:
        try:
            until(lambda: answers(port), "smtp-sink answers")
            yield port
        finally:
            process.terminate()


def config_for(worker_dsn: str, url: str) -> MailConfig:
    """A worker's settings."""
    return MailConfig(
        worker_dsn=worker_dsn,
        origin="https://retour.bench.test",
        smtp=parse_server(url),
        mail_from=SENDER,
        smtp_connections=CONNECTIONS,
    )


async def deliver_all(config: MailConfig) -> int:
    """Deliver until nothing is due; how many were."""
    delivered = 0
    while done := await deliver_due(config):
        delivered += done
    return delivered


async def one_mail(owner: Any, ground: Ground, worker_dsn: str) -> bytes:
    """What a mail of ours looks like, for the loop to send."""
    with Sink() as sink:
        await plan_again(owner, ground, ground.crews[0].tasks[:1])
        await deliver_all(config_for(worker_dsn, sink.url))
        return sink.mails[0].raw


def bare(port: int, raw: bytes, recipients: list[str]) -> Work:
    """smtplib, the phases one by one, on as many connections."""

    def series(part: list[str]) -> int:
        with smtplib.SMTP("127.0.0.1", port) as connection:
            connection.ehlo()
            for recipient in part:
                connection.mail(SENDER)
                connection.rcpt(recipient)
                connection.data(raw)
        return len(part)

    def all_series() -> int:
        parts = [recipients[start::CONNECTIONS] for start in range(CONNECTIONS)]
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            return sum(pool.map(series, parts))

    async def run() -> int:
        return await asyncio.to_thread(all_series)

    return run


async def measure(owner: Any, ground: Ground, worker_dsn: str) -> list[Line]:
    """The lines of sending. `ground` has one crew with `MAILS` tasks."""
    await add_campaigns(owner, ground, 1)
    await add_history(owner, ground, MAILS)
    raw = await one_mail(owner, ground, worker_dsn)
    tasks = ground.crews[0].tasks[:MAILS]
    with smtp_sink() as port:
        config = config_for(worker_dsn, f"smtp://127.0.0.1:{port}")

        async def prepare() -> int:
            return await plan_again(owner, ground, tasks)

        async def run() -> int:
            return await deliver_all(config)

        recipients = [f"c{task}@bench.test" for task in tasks]
        ours, loop = Metered(run), Metered(bare(port, raw, recipients))
        turns = await in_turns(ours, loop, prepare_first=prepare)
    return [
        Line(
            f"sending, {CONNECTIONS} connections, one worker",
            f"{turns.first:,.0f} mails/s",
            f"{turns.second:,.0f}/s bare smtplib loop",
            turns.ratio,
            0.8,
        ),
        Line(
            "sending, processor time of the worker",
            f"{ours.microseconds:,.0f} µs a mail",
            f"{loop.microseconds:,.0f} µs of the bare loop",
            ours.microseconds / loop.microseconds,
        ),
    ]
