"""Mailbox addresses: their normal form, and which of a task's addresses is asked."""

import re
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import TypeAlias
from unicodedata import normalize

import idna
from msgspec import Struct

from rules.campaign import AddressField

_LONGEST = 254
_LONGEST_LOCAL = 64
_LONGEST_LABEL = 63
_BLANKS = " \t\u00a0"
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LOCAL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_LABEL = re.compile(r"(?!-)[a-z0-9-]+(?<!-)")
_ACE = "xn--"
_BARE = re.compile(r"[A-Za-z0-9._+-]+@[A-Za-z0-9.-]+")

#: The addresses of one task, as they were typed; None where there is none.
Mailboxes: TypeAlias = Mapping[AddressField, str | None]


class Resolved(Struct, frozen=True):
    """The address to ask.

    `typed`: what mails are delivered to, without surrounding blanks. `normal`: its normal form, the
    key of mutes, suppressions and bounces. `field`: which of the task's addresses it is.
    """

    typed: str
    normal: str
    field: AddressField


def normal_form(text: str | None) -> str | None:
    """Return the form in which two spellings of one mailbox are equal, or None if it is invalid.

    Spaces and tabs are trimmed, letters lower-cased and the domain encoded in punycode; plus-tags
    and dots stay. Invalid are blank and malformed texts, more than 254 characters (64 before the
    @), two addresses, control characters anywhere, and what an ordinary SMTP server does not take:
    quoted or non-ASCII local parts, bare hosts, IP literals.
    """
    trimmed = (text or "").strip(_BLANKS)
    local, _, domain = trimmed.partition("@")
    if len(trimmed) > _LONGEST or len(local) > _LONGEST_LOCAL or not _LOCAL.fullmatch(local):
        return None
    host = _host(domain)
    normal = f"{local.lower()}@{host}"
    return normal if host is not None and len(normal) <= _LONGEST else None


@lru_cache(maxsize=256)
def sendable(address: str) -> str:
    """Return a sender's `address` with its domain in punycode; bare hosts are allowed.

    :raises ValueError: it is no address, or could end an SMTP command.
    """
    normal = normal_form(address)
    if normal is not None:
        return f"{address.strip().partition('@')[0]}@{normal.rpartition('@')[2]}"
    if not _BARE.fullmatch(address):
        raise ValueError("not an address")
    return address


def resolve(
    mailboxes: Mailboxes,
    primary: AddressField,
    secondary: AddressField | None,
    empty: Collection[str],
) -> Resolved | None:
    """Return the primary address, else the secondary, else None: there is nobody to ask.

    `empty`: normal forms of addresses that bounced or whose mailbox stays full. Those and invalid
    ones count as absent. A suppressed or muted address does not: it is judged later, and the
    secondary is not asked in its place.
    """
    for field in (primary, secondary):
        typed = mailboxes.get(field) if field else None
        normal = normal_form(typed)
        if field and typed and normal is not None and normal not in empty:
            return Resolved(typed.strip(_BLANKS), normal, field)
    return None


def _host(domain: str) -> str | None:
    """Return a domain in punycode by IDNA 2008 (RFC 5891), or None if it is invalid.

    In IDNA 2008 sharp s and final sigma are letters of their own. ASCII labels stay as they are,
    because names in use break rules of IDNA, such as the one against hyphens in the third and
    fourth position. server/technician/app/engine/domain.js implements the same rule for the app.
    """
    folded = domain.lower()
    if not domain.isascii():
        # Letter by letter, because `str.lower` on a whole text makes a last sigma a final sigma.
        lower = "".join(map(str.lower, normalize("NFKC", domain)))
        folded = normalize("NFKC", lower).replace("\u3002", ".")
    labels = folded.split(".")
    if max(map(len, labels)) > _LONGEST_LABEL:
        return None
    for number, label in enumerate(labels):
        if not label.isascii() or label.startswith(_ACE):
            try:
                labels[number] = idna.alabel(label).decode("ascii")
            except UnicodeError:
                return None
        elif not _LABEL.fullmatch(label):
            return None
    return ".".join(labels) if len(labels) > 1 and not labels[-1].isdigit() else None
