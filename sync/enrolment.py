"""Devices come in by a code that a dispatcher gives, and go on with a credential."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from sync.database import Tx
from sync.wire import DeviceScope, Enrol, Enrolled

#: How long a code may be used.
CODE_LIFE: Final = timedelta(minutes=10)


async def issue_code(tx: Tx, technician: UUID) -> str:
    """A fresh single-use code for `technician`, in groups of four: XXXX-XXXX-XXXX-XXXX.

    :raises MissingError: no active technician of the account has this id.
    """
    raise NotImplementedError


async def enrol(request: Enrol) -> Enrolled:
    """Turn a code into a device. Case, dashes and blanks in the code do not matter.

    :raises EnrolmentError: unknown, used or expired.
    """
    raise NotImplementedError


async def authenticate(credential: str) -> DeviceScope | None:
    """Whose device this is, or None: unknown, revoked, or its technician is not active."""
    raise NotImplementedError


async def revoke(tx: Tx, device: UUID) -> None:
    """End a device's credential; ending it twice is once.

    :raises MissingError: no such device in the account.
    """
    raise NotImplementedError
