"""Logs in JSON lines, of our own code and of libraries."""

import logging
import math
import sys
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

#: Bytes of a log file.
LARGEST: Final = 10 * 1024 * 1024
#: Older files of the log, and of the security log, which grows slowly: they cover months.
BACKUPS: Final = 2
SECURITY_BACKUPS: Final = 9
#: Refusals that one process writes to the security log in a minute: an attack at this rate fills
#: the ten files in four days, and older events are not lost at once.
REFUSALS_A_MINUTE: Final = 60
_SHARED: Final[list[structlog.typing.Processor]] = [
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.ExtraAdder(allow=(*security_log.FIELDS, "left_out")),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
    structlog.processors.format_exc_info,
]
#: Loggers whose messages contain tokens in paths, or nothing of use.
_QUIET: Final = ("uvicorn.access", "mail.log", "aiosmtpd")
#: pika logs a refused connection in nine lines, and raises an error that is logged in one.
_MUTE: Final = ("pika",)
_CONSUMERS: Final = "dramatiq.worker.ConsumerThread("
_UNREACHABLE: Final = "broker unreachable, trying again: %s"
#: Seconds without a failed attempt after which the next one begins a new outage: an attempt takes
#: at most ten, and the next follows after three.
OUTAGE: Final = 30.0


class PrivateFile(RotatingFileHandler):
    """A log that only its owner can read: errors may contain names."""

    def _open(self) -> TextIOWrapper:
        return TextIOWrapper(open(self.baseFilename, "ab", opener=private), encoding="utf-8")


def to_terminal() -> None:
    """Log to standard error, for a supervisor to collect."""
    _configure(logging.StreamHandler())


def to_file(file: Path) -> None:
    """Log to `file`, which is rotated when it is large."""
    _configure(PrivateFile(file, maxBytes=LARGEST, backupCount=BACKUPS, delay=True))


def security_to_file(file: Path) -> None:
    """Log security events to a file of their own, too."""
    handler = PrivateFile(file, maxBytes=LARGEST, backupCount=SECURITY_BACKUPS, delay=True)
    handler.addFilter(FewRefusals())
    handler.setFormatter(_formatter())
    logging.getLogger(security_log.NAME).addHandler(handler)


@contextmanager
def security_of_command(file: Path | None, opening: str = security_log.NAME) -> Iterator[None]:
    """Append the security events of a command to `file`; log them to standard error without one.

    `retour up`, which writes to the same file, rotates it. A terminal is no log: whoever reads it
    gets a line of words for each event, which begins with `opening`.
    """
    logger = logging.getLogger(security_log.NAME)
    handler = logging.StreamHandler() if file is None else PrivateFile(file, delay=True)
    in_words = file is None and sys.stderr.isatty()
    handler.setFormatter(InWords(opening) if in_words else _formatter())
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


class InWords(logging.Formatter):
    """A security event in one line: `opening`, the event, and its fields as `name=value`."""

    def __init__(self, opening: str) -> None:
        super().__init__()
        self._opening = opening

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        given = ((name, getattr(record, name, None)) for name in security_log.FIELDS)
        fields = " ".join(f"{name}={value}" for name, value in given if value is not None)
        return f"{self._opening}: {record.getMessage()} {fields}"


class FewRefusals(logging.Filter):
    """Passes `REFUSALS_A_MINUTE`; the next refusal that passes has the number of those left out."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._minute = -1
        self._count = 0
        self._left_out = 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record passes: every event, and refusals up to the limit."""
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
    """Passes one line for each outage of the broker.

    A worker has several consumers, and Dramatiq logs two lines for each of their attempts.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._last = -math.inf

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record passes; the first of an outage gets a message in one line."""
        if not record.name.startswith(_CONSUMERS):
            return True
        arguments = record.args if isinstance(record.args, tuple) else ()
        errors = (*arguments, *(record.exc_info or ()))
        failure = next((error for error in errors if isinstance(error, AWAY)), None)
        if failure is None:
            return not str(record.msg).startswith("Restarting consumer")
        with self._lock:
            begins, self._last = record.created - self._last > OUTAGE, record.created
        record.msg, record.args, record.exc_info = _UNREACHABLE, (str(failure),), None
        return begins


def _formatter() -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        foreign_pre_chain=_SHARED,
    )


def _configure(handler: logging.Handler) -> None:
    """Send the log of all loggers to `handler`, as JSON."""
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
