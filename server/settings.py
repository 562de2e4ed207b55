"""Settings, all from the environment: the only place that reads it."""

import os
import re
from ipaddress import ip_network
from typing import Final

import msgspec

from mail.delivery.server import parse_server
from rules.address import normal_form

os.environ.setdefault("PICCOLO_CONF", "server.piccolo_conf")


class SettingsError(ValueError):
    """A setting is missing or makes no sense; the text says which and what to write."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """One process's settings. Durations are seconds.

    `database_url`: the owner's (it migrates and makes the running roles); empty means embedded.
    `secret`: key of MACs and of the running roles' passwords; the same in every process.
    `origin`: scheme, host and port that links in mails use.
    `hosts`: further values of Host that are answered, comma-separated; the origin's always is.
    `trusted_proxies`: addresses or networks, comma-separated, whose X-Forwarded-For is believed.
    `mail_from`: the sender where a campaign names none; its domain also ends Message-IDs.
    `namespace`: starts the names of queues, so that two Retours may share a broker.
    `testing`: lets tests move the clock; refused in production.
    """

    database_url: str = ""
    secret: str = ""
    broker_url: str = "memory://"
    origin: str = "http://127.0.0.1:8000"
    smtp_url: str = "smtp://127.0.0.1:25"
    mail_from: str = "retour@retour.example"
    data: str = "retour-data"
    pool_size: int = 8
    smtp_connections: int = 24
    smtp_timeout: int = 600
    actor_timeout: int = 660
    lease: int = 900
    uncertain_after: int = 600
    sweep: float = 1.0
    hosts: str = ""
    trusted_proxies: str = ""
    namespace: str = "retour"
    testing: bool = False


PREFIX: Final = "RETOUR_"
#: Characters of the secret: fewer could be guessed from one MAC.
SHORTEST_SECRET: Final = 16
_COUNTS: Final = ("pool_size", "smtp_connections")
_DURATIONS: Final = ("smtp_timeout", "actor_timeout", "lease", "uncertain_after", "sweep")
#: Seconds of a year: what is longer was meant in another unit.
_LONGEST: Final = 31_536_000
#: What Dramatiq takes for the beginning of a queue's name.
_NAMESPACE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9._-]{0,99}")
_DATABASES: Final = ("postgresql://", "postgres://")
_HOST: Final = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[0-9]{1,5})?", re.IGNORECASE)
_ORIGIN: Final = re.compile(rf"https?://{_HOST.pattern}", re.IGNORECASE)


def load(environ: dict[str, str] | None = None, **overrides: object) -> Settings:
    """Settings from variables named RETOUR_*, with `overrides` on top.

    :raises SettingsError: a value of the wrong kind or size, a secret that is too short, timeouts
        out of order, a sender that is no address, a namespace, origin, host, proxy, mail server or
        database that cannot be one.
    """
    variables = dict(os.environ) if environ is None else environ
    given: dict[str, object] = {
        field: variables[PREFIX + field.upper()]
        for field in Settings.__struct_fields__
        if PREFIX + field.upper() in variables
    }
    try:
        settings = msgspec.convert({**given, **overrides}, Settings, strict=False)
    except msgspec.ValidationError as error:
        fault, _, name = str(error).partition(" - at `$.")
        raise SettingsError(f"{PREFIX}{name.rstrip('`').upper()}: {fault}") from None
    _check_names(settings)
    _check_numbers(settings)
    _check_addresses(settings)
    if normal_form(settings.mail_from) is None:
        raise SettingsError("RETOUR_MAIL_FROM must be an address, such as retour@firm.example")
    if not settings.smtp_timeout < settings.actor_timeout < settings.lease:
        raise SettingsError(
            "RETOUR_SMTP_TIMEOUT < RETOUR_ACTOR_TIMEOUT < RETOUR_LEASE must hold, or a slow"
            " mail could be sent by two workers"
        )
    return settings


def _check_names(settings: Settings) -> None:
    if settings.secret and len(settings.secret.strip()) < SHORTEST_SECRET:
        raise SettingsError(
            f"RETOUR_SECRET must have at least {SHORTEST_SECRET} characters, such as what"
            " `openssl rand -base64 32` prints"
        )
    if not _NAMESPACE.fullmatch(settings.namespace):
        raise SettingsError(
            "RETOUR_NAMESPACE must be a word of letters, digits and ._- such as retour"
        )


def _check_numbers(settings: Settings) -> None:
    for name in _COUNTS:
        if getattr(settings, name) < 1:
            raise SettingsError(f"{PREFIX}{name.upper()} must be 1 or more")
    for name in _DURATIONS:
        if not 0 < getattr(settings, name) <= _LONGEST:
            raise SettingsError(
                f"{PREFIX}{name.upper()} must be seconds: more than 0, up to a year"
            )


def _check_addresses(settings: Settings) -> None:
    if not _ORIGIN.fullmatch(settings.origin):
        raise SettingsError(
            "RETOUR_ORIGIN must be scheme, host and port alone, such as https://retour.firm.example"
        )
    if settings.database_url and not settings.database_url.startswith(_DATABASES):
        raise SettingsError("RETOUR_DATABASE_URL must start with postgresql://")
    if not all(_HOST.fullmatch(name) for name in _listed(settings.hosts)):
        raise SettingsError("RETOUR_HOSTS must be hosts by commas, each with or without :port")
    try:
        parse_server(settings.smtp_url)
    except ValueError:
        raise SettingsError(
            "RETOUR_SMTP_URL must start with smtp://, smtp+starttls:// or smtps:// and name a host,"
            " such as smtp+starttls://user:password@mail.firm.example:587"
        ) from None
    try:
        for proxy in _listed(settings.trusted_proxies):
            ip_network(proxy)
    except ValueError as error:
        raise SettingsError(f"RETOUR_TRUSTED_PROXIES: {error}") from None


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def terminal_locale(environ: dict[str, str] | None = None) -> str:
    """The locale of the person at the terminal, such as fr_CA.UTF-8; empty where none is set."""
    variables = dict(os.environ) if environ is None else environ
    names = ("LC_ALL", "LC_MESSAGES", "LANG")
    return next((variables[name] for name in names if variables.get(name)), "")
