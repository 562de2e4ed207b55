"""What the mail side of a process is told; the server makes it from its settings."""

import msgspec

from mail.smtp.address import NAMELESS, SmtpServer


class MailConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of workers and clocks. Durations are seconds.

    `worker_dsn`: the database's address with a worker's rights. `pool_size`: its connections.
    `origin`: scheme, host and port that links in mails use.
    `smtp`: where mails are handed over.
    `mail_from`: the sender where a campaign names none.
    `smtp_name`: what we call ourselves to mail servers (`mail.smtp.address.our_name`).
    `smtp_timeout` < `actor_timeout` < `lease`, or a slow mail could be sent by two workers.
    `uncertain_after`: how long a mail whose fate is unknown rests before its one resend.
    `sweep`: how often the clock looks for what is due.
    `namespace`: starts the names of the broker's queues, so that two Retours may share a broker.
    """

    worker_dsn: str
    origin: str
    smtp: SmtpServer
    mail_from: str
    smtp_name: str = NAMELESS
    pool_size: int = 8
    smtp_connections: int = 24
    smtp_timeout: float = 600
    actor_timeout: float = 660
    lease: float = 900
    uncertain_after: float = 600
    sweep: float = 1.0
    namespace: str = "retour"
