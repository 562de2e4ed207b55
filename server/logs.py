"""Logs: one JSON object a line, from our own code and from the libraries alike."""

import logging
import math
import threading
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Final

import structlog

from mail.broker import AWAY
from server.files import private

LARGEST: Final = 10 * 1024 * 1024
KEPT: Final = 2
_SHARED: Final[list[structlog.typing.Processor]] = [
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
    structlog.processors.format_exc_info,
]
#: Their messages hold addresses with tokens, or say nothing.
_QUIET: Final = ("uvicorn.access", "mail.log", "aiosmtpd")
#: It says a refused connection in nine lines, then raises it to who says it in one.
_MUTE: Final = ("pika",)
_CONSUMERS: Final = "dramatiq.worker.ConsumerThread("
_UNREACHABLE: Final = "broker unreachable, trying again: %s"
#: Seconds without a failed attempt after which the next one begins another outage: an attempt
#: lasts ten at most, and the next follows after three.
OUTAGE: Final = 30.0


class PrivateFile(RotatingFileHandler):
    """A log that only its owner reads: errors may name people."""

    def _open(self) -> TextIOWrapper:
        return TextIOWrapper(open(self.baseFilename, "ab", opener=private), encoding="utf-8")


def to_terminal() -> None:
    """Write to standard error, for a supervisor to collect."""
    _to(logging.StreamHandler())


def to_file(file: Path) -> None:
    """Write to `file`, and to two older ones once it has grown large."""
    _to(PrivateFile(file, maxBytes=LARGEST, backupCount=KEPT, delay=True))


class OncePerOutage(logging.Filter):
    """Lets one line through for each time that the broker is away.

    A worker has several consumers, and Dramatiq writes two lines for each of their attempts.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._last = -math.inf

    def filter(self, record: logging.LogRecord) -> bool:
        """Drop it, or say it in our words."""
        if not record.name.startswith(_CONSUMERS):
            return True
        failure = _failure(record)
        if failure is None:
            return not str(record.msg).startswith("Restarting consumer")
        with self._lock:
            begins, self._last = record.created - self._last > OUTAGE, record.created
        record.msg, record.args, record.exc_info = _UNREACHABLE, (str(failure),), None
        return begins


def _failure(record: logging.LogRecord) -> object:
    """The error with which the broker was away, or None."""
    given = record.args if isinstance(record.args, tuple) else ()
    raised = record.exc_info or ()
    return next((one for one in (*given, *raised) if isinstance(one, AWAY)), None)


def _to(handler: logging.Handler) -> None:
    handler.addFilter(OncePerOutage())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
            foreign_pre_chain=_SHARED,
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in _MUTE:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
