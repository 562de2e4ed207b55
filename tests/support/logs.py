"""Logging as it was before a command set it up in the test's own process."""

import gc
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import structlog


@contextmanager
def logging_restored() -> Iterator[None]:
    """Give the process its handlers, levels and structlog's configuration back at the end.

    Loggers of modules remember the configuration of their first line: they are made to forget it.
    """
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    levels = {
        logger: logger.level
        for logger in logging.root.manager.loggerDict.values()
        if isinstance(logger, logging.Logger)
    }
    configured = structlog.get_config()
    try:
        yield
    finally:
        root.handlers = handlers
        root.setLevel(level)
        for logger in logging.root.manager.loggerDict.values():
            if isinstance(logger, logging.Logger):
                logger.setLevel(levels.get(logger, logging.NOTSET))
        structlog.configure(**configured)
        proxy = type(structlog.get_logger())
        for remembering in gc.get_objects():
            if type(remembering) is proxy:
                remembering.__dict__.pop("bind", None)
