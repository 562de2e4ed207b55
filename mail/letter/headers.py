"""The headers of a survey mail, as the bytes that travel."""

from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from typing import Final

from rules.address import normal_form

#: Occurs in no quoted-printable text: after a "=" come two hexadecimal digits or a line's end.
BOUNDARY: Final = "=_retour"


def folded(name: str, value: str | Address) -> str:
    """One header line with its CRLF, encoded (RFC 2047) and folded where it must be."""
    message = EmailMessage(policy=SMTP)
    message[name] = value
    return str(SMTP.fold(name, message[name]))


def mailbox(name: str, address: str) -> Address:
    """A sender; `address` as typed."""
    return Address(name, addr_spec=deliverable(address))


def deliverable(typed: str) -> str:
    """`typed` with its domain in punycode; the local part stays as typed.

    :raises ValueError: `typed` is no address.
    """
    normal = normal_form(typed)
    if normal is None:
        raise ValueError("not an address")
    return f"{typed.strip().partition('@')[0]}@{normal.rpartition('@')[2]}"


def message_id(invitation: str, mail_from: str) -> str:
    """The same for every copy of an invitation, so that mailboxes may drop a second one."""
    return f"<{invitation}@{mail_from.rpartition('@')[2]}>"
