"""Logs: one JSON object a line, from our own code and from the libraries alike."""

import logging
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Final

import structlog

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


def _to(handler: logging.Handler) -> None:
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
