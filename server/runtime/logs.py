"""Logs: one JSON object a line, from our own code and from the libraries alike."""

import logging
import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Final

import structlog

from mail.worker.broker import AWAY
from server.access import security_log
from server.runtime.files import private

LARGEST: Final = 10 * 1024 * 1024
KEPT: Final = 2
#: Of the record of security events: months, for what plain traffic writes goes elsewhere.
SECURITY_KEPT: Final = 9
#: Lines of refusals that one process writes to that record in a minute: whoever guesses all day
#: long fills ten files in four days, and who came in before still stands in them.
REFUSALS_A_MINUTE: Final = 60
_SHARED: Final[list[structlog.typing.Processor]] = [
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.ExtraAdder(allow=(*security_log.FIELDS, "left_out")),
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


def security_to_file(file: Path) -> None:
    """Write security events to `file` as well, which nothing else makes grow."""
    handler = PrivateFile(file, maxBytes=LARGEST, backupCount=SECURITY_KEPT, delay=True)
    handler.addFilter(FewRefusals())
    handler.setFormatter(_formatter())
    logging.getLogger(security_log.NAME).addHandler(handler)


@contextmanager
def security_of_command(file: Path | None) -> Iterator[None]:
    """Write the security events of a command to the end of `file`, or else to standard error.

    The file is another process's to rotate.
    """
    logger = logging.getLogger(security_log.NAME)
    handler = logging.StreamHandler() if file is None else PrivateFile(file, delay=True)
    handler.setFormatter(_formatter())
    level, propagate = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = propagate
        handler.close()


class FewRefusals(logging.Filter):
    """Lets `REFUSALS_A_MINUTE` through; the next one after says how many were left out."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._minute = -1
        self._count = 0
        self._left_out = 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Drop a refusal too many. What was achieved always passes."""
        if record.levelno < logging.WARNING:
            return True
        with self._lock:
            minute = int(record.created // 60)
            self._count = self._count + 1 if minute == self._minute else 1
            self._minute = minute
            if self._count > REFUSALS_A_MINUTE:
                self._left_out += 1
                return False
            if self._left_out:
                record.left_out, self._left_out = self._left_out, 0
            return True


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


def _formatter() -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        foreign_pre_chain=_SHARED,
    )


def _to(handler: logging.Handler) -> None:
    handler.addFilter(OncePerOutage())
    handler.setFormatter(_formatter())
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
