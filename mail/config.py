"""Settings of mail; the server makes them from its own."""

import msgspec

from mail.smtp.address import NAMELESS, SmtpServer


class MailConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of workers and clocks. Durations are seconds.

    `worker_dsn`: of the database, with a worker's rights. `pool_size`: connections to it.
    `origin`: scheme, host and port of the links in mails.
    `smtp`: the server that accepts our mails.
    `mail_from`: sender of mails whose campaign names none.
    `smtp_name`: our name for EHLO (`mail.smtp.address.our_name`).
    `smtp_connections`: at most so many are open at once.
    `smtp_timeout` < `actor_timeout` < `lease`, or a slow mail could be sent by two workers.
    `uncertain_after`: delay before a mail in doubt is resent.
    `sweep`: interval at which the clock looks for what is due.
    `namespace`: prefix of the broker's queues, so that two installations may share a broker.
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
