"""Who an account's mails come from, which they must say by law, and which addresses are its own."""

import re
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct, structs

from mail.campaigns.errors import SenderMissingError
from mail.campaigns.revision import increment_revision
from rules.address import normal_form
from sync.audit import between, record
from sync.database import Tx
from sync.errors import AddressError, FieldError
from sync.ids import locator
from sync.records.checks import line, several_lines
from sync.validation import is_line

#: Domains of one account.
MOST_DOMAINS: Final = 50
_LONGEST: Final = 200
_PHONE: Final = re.compile(r"[0-9+(]\D*(?:[0-9]\D*){5,}")

_READ: Final = """
SELECT legal_name, postal_address, phone, email, url, domains
FROM sender_identity WHERE account = $1
"""
_WRITE: Final = """
INSERT INTO sender_identity (account, legal_name, postal_address, phone, email, url, domains)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (account) DO UPDATE SET (legal_name, postal_address, phone, email, url, domains) =
  (excluded.legal_name, excluded.postal_address, excluded.phone, excluded.email, excluded.url,
   excluded.domains)
"""


class SenderIdentity(Struct, frozen=True):
    """What every mail of an account says of its sender; empty where it is not known yet.

    `legal_name`: of the company. `postal_address`: several lines. `phone`, `email`, `url`: ways to
    reach it, of which one is enough. `domains`: of addresses that are the account's own.
    """

    legal_name: str = ""
    postal_address: str = ""
    phone: str = ""
    email: str = ""
    url: str = ""
    domains: tuple[str, ...] = ()

    @property
    def lacks(self) -> tuple[str, ...]:
        """The fields without which the law lets nothing be sent; `reach` for all three ways."""
        reach = self.phone or self.email or self.url
        needed = {"legal_name": self.legal_name, "postal_address": self.postal_address}
        return tuple(name for name, text in {**needed, "reach": reach}.items() if not text)


NOBODY: Final = SenderIdentity()


async def read_sender(tx: Tx) -> SenderIdentity:
    """Return what the account says of itself."""
    row = await tx.fetchrow(_READ, tx.account)
    return NOBODY if row is None else SenderIdentity(**{**row, "domains": tuple(row["domains"])})


async def write_sender(tx: Tx, new: SenderIdentity) -> SenderIdentity:
    """Store what the account says of itself from the next claim on, and return it as stored.

    :raises FieldError: a field cannot be in a mail, or what is no domain.
    """
    checked = _checked(new)
    await increment_revision(tx)
    before = await read_sender(tx)
    if checked != before:
        await tx.execute(_WRITE, tx.account, *structs.astuple(checked))
        change = between(f"account/{locator(tx.account)}", before, checked)
        await record(tx, "sender.write", [change])
    return checked


async def require_sender(tx: Tx) -> None:
    """Check that the account's mails say who sends them.

    :raises SenderMissingError: it lacks what Canada's anti-spam law demands.
    """
    if lacks := (await read_sender(tx)).lacks:
        raise SenderMissingError(lacks)


def _checked(new: SenderIdentity) -> SenderIdentity:
    """Return `new` as it is stored.

    :raises FieldError: as `write_sender`.
    """
    phone, email, url = new.phone.strip(), new.email.strip(), new.url.strip()
    name, postal = new.legal_name.strip(), new.postal_address.strip()
    if phone and not (_PHONE.fullmatch(phone) and is_line(phone) and len(phone) <= _LONGEST):
        raise FieldError("phone", "must be one phone number")
    if email and normal_form(email) is None:
        raise AddressError("email", "must be one e-mail address")
    if url and not _is_web(url):
        raise FieldError("url", "must be a web address that starts with https:// or http://")
    return SenderIdentity(
        legal_name=line("legal_name", name, longest=_LONGEST) if name else "",
        postal_address=several_lines("postal_address", postal) if postal else "",
        phone=phone,
        email=email,
        url=url,
        domains=tuple(sorted({_domain(place, text) for place, text in enumerate(new.domains)})),
    )


def _domain(place: int, text: str) -> str:
    """Return a domain as normal forms of addresses have it.

    :raises FieldError: it is none, or there are too many.
    """
    normal = normal_form(f"x@{text.strip().removeprefix('@')}")
    if normal is None or place >= MOST_DOMAINS:
        raise FieldError(f"domains.{place}", f"must be one of at most {MOST_DOMAINS} domains")
    return normal.removeprefix("x@")


def _is_web(text: str) -> bool:
    try:
        parts = urlsplit(text)
        found = parts.scheme in ("https", "http") and bool(parts.hostname)
    except ValueError:
        return False
    return found and is_line(text) and " " not in text and len(text) <= _LONGEST
