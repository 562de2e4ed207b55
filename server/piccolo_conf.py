"""Piccolo's configuration: the engine and the three apps."""

from piccolo.conf.apps import AppRegistry

from sync.database import DB

__all__ = ["APP_REGISTRY", "DB"]

APP_REGISTRY = AppRegistry(
    apps=["sync.piccolo_app", "mail.piccolo_app", "server.piccolo_app"],
)
