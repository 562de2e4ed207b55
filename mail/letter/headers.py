"""The headers of a survey mail, as the bytes that travel."""

import re
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from typing import Final

from rules.address import normal_form

#: Occurs in no quoted-printable text: after a "=" come two hexadecimal digits or a line's end.
BOUNDARY: Final = "=_retour"
_BARE: Final = re.compile(r"[A-Za-z0-9._+-]+@[A-Za-z0-9.-]+")


def folded(name: str, value: str | Address) -> str:
    """One header line with its CRLF, encoded (RFC 2047) and folded where it must be."""
    message = EmailMessage(policy=SMTP)
    message[name] = value
    return str(SMTP.fold(name, message[name]))


def mailbox(name: str, address: str) -> Address:
    """A sender."""
    return Address(name, addr_spec=sendable(address))


def sendable(address: str) -> str:
    """A sender's `address` with its domain in punycode; a bare host such as localhost is one.

    :raises ValueError: `address` is none, or could end a command.
    """
    normal = normal_form(address)
    if normal is not None:
        return f"{address.strip().partition('@')[0]}@{normal.rpartition('@')[2]}"
    if not _BARE.fullmatch(address):
        raise ValueError("not an address")
    return address


def message_id(invitation: str, mail_from: str) -> str:
    """The same for every copy of an invitation, so that mailboxes may drop a second one."""
    return f"<{invitation}@{mail_from.rpartition('@')[2]}>"
