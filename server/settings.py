"""Settings from the environment, which no other module reads."""

import logging
import os
import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import partial
from typing import Final

import msgspec

from mail.wording import WordedError, _
from rules.address import normal_form
from server.addresses import (
    AddressError,
    check_broker,
    check_database,
    check_host,
    check_mail_server,
    check_proxies,
    read_origin,
)

LOG: Final = logging.getLogger("retour.settings")

os.environ.setdefault("PICCOLO_CONF", "server.piccolo_conf")


class SettingsError(WordedError):
    """A setting is missing or not valid; the text says which one, and what it must be."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of a process. Durations are seconds.

    `database_url`: of the owner, who migrates and makes the running roles; empty: embedded.
    `secret`: key of MACs and of the running roles' passwords; the same in every process.
    `origin`: scheme, host and port of links in mails.
    `hosts`: further values of Host that are served, comma-separated; the origin's always is.
    `trusted_proxies`: addresses or networks, comma-separated, whose X-Forwarded-For is trusted.
    `mail_from`: the sender of campaigns that name none.
    `smtp_name`: our name in EHLO; empty: the host of the origin.
    `namespace`: prefix of the names of queues, so that two installations can share a broker.
    `testing`: allows tests to move the clock; otherwise a moved clock is refused.
    """

    database_url: str = ""
    secret: str = ""
    broker_url: str = "memory://"
    origin: str = "http://127.0.0.1:8000"
    smtp_url: str = "smtp://127.0.0.1:25"
    mail_from: str = "retour@retour.example"
    smtp_name: str = ""
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
#: Characters of the secret; a shorter one could be guessed from one MAC.
SHORTEST_SECRET: Final = 16
_COUNTS: Final = ("pool_size", "smtp_connections")
_DURATIONS: Final = ("smtp_timeout", "actor_timeout", "lease", "uncertain_after", "sweep")
#: Seconds of a year; a longer duration was probably meant in another unit.
_LONGEST: Final = 31_536_000
#: What Dramatiq accepts as the beginning of a queue's name.
_NAMESPACE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9._-]{0,99}")
#: A host's name, or an address literal (RFC 5321, 4.1.3).
_SMTP_NAME: Final = re.compile(r"[A-Za-z0-9.-]+|\[(IPv6:)?[0-9A-Fa-f:.]+\]")


def load(environ: dict[str, str] | None = None, **overrides: object) -> Settings:
    """Settings from variables named RETOUR_*, which `overrides` replace.

    :raises SettingsError: a value of the wrong type or size, a secret that is too short, timeouts
        out of order, or a sender, namespace, origin, host, proxy, mail server, broker or database
        that is not valid.
    """
    variables = dict(os.environ) if environ is None else environ
    given: dict[str, object] = {
        field: variables[variable_of(field)]
        for field in Settings.__struct_fields__
        if variable_of(field) in variables
    }
    for field, value in given.items():
        try:
            str(value).encode()
        except UnicodeEncodeError:  # other bytes are surrogates, which fail where they are written
            raise SettingsError(
                _("%(setting)s is not valid UTF-8"), setting=variable_of(field)
            ) from None
    try:
        settings = msgspec.convert({**given, **overrides}, Settings, strict=False)
    except msgspec.ValidationError as error:
        field = str(error).partition(" - at `$.")[2].rstrip("`")
        raise _not_wanted(field) from None
    _check_names(settings)
    _check_numbers(settings)
    _check_addresses(settings)
    return msgspec.structs.replace(settings, origin=read_origin(settings.origin))


def variable_of(field: str) -> str:
    """The variable that names a setting."""
    return PREFIX + field.upper()


def _not_wanted(field: str) -> SettingsError:
    """The error that says what a number or a flag may be."""
    default = getattr(Settings(), field)
    if isinstance(default, bool):
        text = _("%(setting)s must be true or false")
    elif field in _COUNTS:
        text = _("%(setting)s must be a whole number of 1 or more")
    elif isinstance(default, int):
        text = _("%(setting)s must be whole seconds from 1 to %(most)s")
    else:
        text = _("%(setting)s must be seconds: more than 0, up to %(most)s")
    return SettingsError(text, setting=variable_of(field), most=_LONGEST)


def _check_names(settings: Settings) -> None:
    if settings.secret and len(settings.secret.strip()) < SHORTEST_SECRET:
        raise SettingsError(
            _(
                "RETOUR_SECRET must have at least %(least)s characters, such as what"
                " `openssl rand -base64 32` prints"
            ),
            least=SHORTEST_SECRET,
        )
    if not _NAMESPACE.fullmatch(settings.namespace):
        raise SettingsError(
            _("RETOUR_NAMESPACE must be a word of letters, digits and ._- such as retour")
        )
    if settings.smtp_name and not _SMTP_NAME.fullmatch(settings.smtp_name):
        raise SettingsError(
            _("RETOUR_SMTP_NAME must be the full name of this host, such as retour.firm.example")
        )


def _check_numbers(settings: Settings) -> None:
    for name in _COUNTS:
        if getattr(settings, name) < 1:
            raise _not_wanted(name)
    for name in _DURATIONS:
        if not 0 < getattr(settings, name) <= _LONGEST:
            raise _not_wanted(name)
    if not settings.smtp_timeout < settings.actor_timeout < settings.lease:
        raise SettingsError(
            _(
                "RETOUR_SMTP_TIMEOUT must be less than RETOUR_ACTOR_TIMEOUT, and that less than"
                " RETOUR_LEASE, or a slow mail could be sent by two workers"
            )
        )


def _check_addresses(settings: Settings) -> None:
    checks: dict[str, Callable[[], object]] = {
        "origin": partial(read_origin, settings.origin),
        "hosts": lambda: [check_host(host) for host in _listed(settings.hosts)],
        "trusted_proxies": lambda: check_proxies(_listed(settings.trusted_proxies)),
        "database_url": partial(check_database, settings.database_url),
        "broker_url": partial(check_broker, settings.broker_url),
        "smtp_url": partial(check_mail_server, settings.smtp_url),
    }
    for name, check in checks.items():
        try:
            check()
        except AddressError as error:
            raise SettingsError(
                _("%(setting)s %(fault)s"), setting=variable_of(name), fault=error.phrase
            ) from None
    if not settings.data.strip():
        raise SettingsError(_("RETOUR_DATA must name a folder, such as retour-data"))
    if normal_form(settings.mail_from) is None:
        raise SettingsError(_("RETOUR_MAIL_FROM must be an address, such as retour@firm.example"))


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def unknown_variables(environ: Mapping[str, str] | None = None) -> dict[str, str | None]:
    """The variables named RETOUR_* that are no settings, each with the setting it looks like.

    A mistyped one leaves a default in place.
    """
    variables = os.environ if environ is None else environ
    fields = Settings.__struct_fields__
    unknown = {}
    for name in sorted(variables):
        field = name.removeprefix(PREFIX).lower()
        if name.startswith(PREFIX) and field not in fields:
            near = get_close_matches(field, fields, n=1)
            unknown[name] = variable_of(near[0]) if near else None
    return unknown


def warn_of_unknown(environ: Mapping[str, str] | None = None) -> None:
    """Log these variables."""
    if unknown := unknown_variables(environ):
        said = [f"{name} ({near}?)" if near else name for name, near in unknown.items()]
        LOG.warning("these variables are no settings of Retour: %s", ", ".join(said))


def terminal_locale(environ: dict[str, str] | None = None) -> str:
    """The locale of the terminal, such as fr_CA.UTF-8; empty where none is set."""
    variables = dict(os.environ) if environ is None else environ
    names = ("LC_ALL", "LC_MESSAGES", "LANG")
    return next((variables[name] for name in names if variables.get(name)), "")
