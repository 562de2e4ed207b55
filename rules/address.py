"""Which mailbox to ask, and when two of them are the same."""

import re
from collections.abc import Collection
from encodings.idna import nameprep
from functools import lru_cache
from typing import assert_never
from unicodedata import category, normalize

from msgspec import Struct

from rules.campaign import AddressField

_LONGEST = 254
_LONGEST_LOCAL = 64
_BLANKS = " \t\u00a0"
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LOCAL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
_ACE = "xn--"


class Mailboxes(Struct, frozen=True):
    """The addresses of one task as they were typed."""

    customer: str | None = None
    location: str | None = None
    contact: str | None = None
    billing: str | None = None

    def get(self, field: AddressField) -> str | None:
        """Return what was typed in `field`."""
        match field:
            case AddressField.CUSTOMER:
                return self.customer
            case AddressField.LOCATION:
                return self.location
            case AddressField.CONTACT:
                return self.contact
            case AddressField.BILLING:
                return self.billing
        assert_never(field)


class Resolved(Struct, frozen=True):
    """The address to ask.

    `typed`: what to deliver to, without blanks around it. `normal`: what mute, suppression and
    bounces are kept under. `field`: where it stood.
    """

    typed: str
    normal: str
    field: AddressField


@lru_cache(maxsize=4096)
def normal_form(text: str | None) -> str | None:
    """Return the form in which two spellings of one mailbox are equal, or None for no mailbox.

    Trimmed of spaces and tabs, in lower case, the domain in punycode; plus-tags and dots are
    kept. None for blank, malformed, longer than 254 (64 before the @), two addresses, control
    characters anywhere, and what an ordinary SMTP server cannot take: quoted or non-ASCII local
    parts, bare hosts, IP literals.
    """
    trimmed = _trimmed(text)
    if len(trimmed) > _LONGEST or trimmed.count("@") != 1:
        return None
    local, _, domain = trimmed.partition("@")
    host = _host(domain)
    if host is None or len(local) > _LONGEST_LOCAL or not _LOCAL.fullmatch(local):
        return None
    normal = f"{local.lower()}@{host}"
    return normal if len(normal) <= _LONGEST else None


def resolve(
    mailboxes: Mailboxes,
    primary: AddressField,
    secondary: AddressField | None,
    bounced: Collection[str],
) -> Resolved | None:
    """Return the primary address, else the secondary, else None: nobody to ask.

    Blank, malformed and hard-bounced count as empty. Suppression and mute do not: they are
    judged afterwards and never fall through. `bounced`: normal forms.
    """
    for field in (primary, secondary):
        typed = mailboxes.get(field) if field else None
        normal = normal_form(typed)
        if field and normal is not None and normal not in bounced:
            return Resolved(_trimmed(typed), normal, field)
    return None


def _trimmed(text: str | None) -> str:
    return (text or "").strip(_BLANKS)


def _host(domain: str) -> str | None:
    labels = [_label(label) for label in _folded(domain).replace("\u3002", ".").split(".")]
    sound = [label for label in labels if label is not None]
    if len(sound) < len(labels) or len(sound) < 2 or sound[-1].isdigit():
        return None
    return ".".join(sound)


def _folded(text: str) -> str:
    """Fold case letter by letter: `lower` on a whole text turns a last sigma into another one."""
    return normalize("NFKC", "".join(map(str.lower, normalize("NFKC", text))))


def _label(label: str) -> str | None:
    ascii_label = _decoded_again(label) if label.startswith(_ACE) else _encoded(label)
    return ascii_label if ascii_label and _LABEL.fullmatch(ascii_label) else None


def _decoded_again(label: str) -> str | None:
    """Accept a label typed in punycode only if it is the spelling we would give it."""
    try:
        meant = label.removeprefix(_ACE).encode("ascii").decode("punycode")
    except UnicodeError:
        return None
    return label if _encoded(meant) == label else None


def _encoded(label: str) -> str | None:
    """Encode as IDNA 2008 does: sharp s and final sigma are letters of their own.

    The codec of the standard library is IDNA 2003: it would take faß.example for fass.example,
    another person's domain. Only its table of forbidden characters is used.
    """
    if label.isascii():
        return label
    if _folded(label) != label or not _is_word(label):
        return None
    return _ACE + label.encode("punycode").decode("ascii")


def _is_word(label: str) -> bool:
    try:
        nameprep(label)
    except UnicodeError:
        return False
    kinds = [category(letter)[0] for letter in label]
    return kinds[0] != "M" and all(
        k in "LMN" or c == "-" for k, c in zip(kinds, label, strict=True)
    )
