"""Enrolment of devices by single-use codes, and their credentials."""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from msgspec import Struct

from sync import tokens
from sync.audit import AuditChange, record
from sync.database import Tx, retried, tx
from sync.errors import EnrolmentError, MissingError
from sync.feed.listened_positions import bump_position
from sync.ids import ALPHABET, LOCATOR_LENGTH, account_of, locator, new_id
from sync.messages import (
    AccountName,
    DeviceName,
    DeviceScope,
    Enrol,
    Enrolled,
    Enrolment,
    TechnicianName,
)

#: How long a code is valid.
CODE_LIFE: Final = timedelta(minutes=10)

#: When a device was last seen is written at most this often.
SEEN_EVERY: Final = timedelta(minutes=5)

#: The actor of an enrolment, whom only the code identifies.
CODE: Final = "code"

#: Random characters after the locator: 40 bits, for ten minutes and behind the server's throttle.
_SECRET_LETTERS: Final = 8
_GROUP: Final = 4
_IGNORED: Final = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})

ISSUE: Final = """
INSERT INTO enrolment_code (account, code_hash, technician, expires_at)
SELECT account, $3, id, $4 FROM app_user
WHERE account = $1 AND id = $2 AND role = 'technician' AND active
FOR SHARE
"""
CONSUME: Final = """
UPDATE enrolment_code SET used_at = $3
WHERE account = $1 AND code_hash = $2 AND used_at IS NULL AND expires_at > $3
  AND EXISTS (SELECT FROM app_user u WHERE u.account = $1 AND u.id = technician
    AND u.active AND u.role = 'technician')
RETURNING technician
"""
ADD_DEVICE: Final = """
INSERT INTO device (account, id, technician, name, credential_hash, enrolled_at)
VALUES ($1, $2, $3, $4, $5, $6)
"""
READ_CODE: Final = """
SELECT e.expires_at, e.used_at, d.name AS device FROM enrolment_code e
LEFT JOIN device d ON d.account = e.account AND d.technician = e.technician
  AND d.enrolled_at = e.used_at
WHERE e.account = $1 AND e.code_hash = $2 AND e.technician = $3
"""
AUTHENTICATE: Final = """
SELECT d.id, d.technician, d.last_seen_at FROM device d
JOIN app_user u ON u.account = d.account AND u.id = d.technician
WHERE d.account = $1 AND d.credential_hash = $2 AND d.revoked_at IS NULL
  AND u.active AND u.role = 'technician'
"""
SEEN: Final = """
UPDATE device SET last_seen_at = greatest(last_seen_at, $3) WHERE account = $1 AND id = $2
"""
STILL_ENROLLED: Final = """
SELECT d.id FROM device d JOIN app_user u ON u.account = d.account AND u.id = d.technician
WHERE d.account = $1 AND d.id = ANY($2::uuid[]) AND d.revoked_at IS NULL
  AND u.active AND u.role = 'technician'
"""
DESCRIBE: Final = """
SELECT d.name AS device, u.name AS technician, u.language AS spoken, a.name, a.zone, a.language
FROM device d JOIN app_user u ON u.account = d.account AND u.id = d.technician
JOIN account a ON a.account = d.account
WHERE d.account = $1 AND d.id = $2
"""
KNOWN: Final = "SELECT EXISTS (SELECT FROM device WHERE account = $1 AND id = $2)"
REVOKE: Final = """
UPDATE device SET revoked_at = $3 WHERE account = $1 AND id = $2 AND revoked_at IS NULL
"""


class IssuedCode(Struct, frozen=True):
    """What became of a code. `device`: the name of the device that it enrolled."""

    expires_at: datetime
    used_at: datetime | None
    device: str | None


def code_from(account: int, seed: bytes) -> str:
    """Return the code made of eight secret bytes, in groups of four: XXXX-XXXX-XXXX-XXXX."""
    code = locator(account) + "".join(ALPHABET[byte & 31] for byte in seed[:_SECRET_LETTERS])
    return "-".join(code[start : start + _GROUP] for start in range(0, len(code), _GROUP))


async def issue_code(tx: Tx, technician: UUID, seed: bytes | None = None) -> str:
    """Return a new single-use code for `technician`, made of `seed`, else at random.

    :raises MissingError: the account has no active technician with this id.
    """
    code = code_from(tx.account, seed or secrets.token_bytes(_SECRET_LETTERS))
    expires = tx.now + CODE_LIFE
    if not await tx.execute(ISSUE, tx.account, technician, _digest(_plain(code)), expires):
        raise MissingError("no such active technician")
    await record(
        tx, "code.issue", [AuditChange(f"user/{technician}", None, {"expires_at": expires})]
    )
    return code


async def read_code(tx: Tx, technician: UUID, code: str) -> IssuedCode | None:
    """Return what became of a code that was issued for `technician`; None where it was not."""
    row = await tx.fetchrow(READ_CODE, tx.account, _digest(_plain(code)), technician)
    return None if row is None else IssuedCode(**row)


@retried
async def enrol(request: Enrol) -> Enrolled:
    """Enrol a device by a code, of which case, dashes and blanks are ignored.

    :raises EnrolmentError: the code is unknown, used or expired.
    """
    code = _plain(request.code)
    account = account_of(code[:LOCATOR_LENGTH])
    if account is None or len(code) != LOCATOR_LENGTH + _SECRET_LETTERS:
        raise EnrolmentError("no such code")
    if any(letter not in ALPHABET for letter in code):
        raise EnrolmentError("no such code")
    device, secret = new_id(), tokens.mint()
    async with tx(account, CODE) as opened:
        technician = await opened.fetchval(CONSUME, account, _digest(code), opened.now)
        if technician is None:
            raise EnrolmentError("no such code")
        row = (device, technician, request.name, tokens.digest(secret), opened.now)
        await opened.execute(ADD_DEVICE, account, *row)
        values = {"technician": technician, "name": request.name}
        await record(opened, "device.enrol", [AuditChange(f"device/{device}", None, values)])
    return Enrolled(device, tokens.write(account, secret))


@retried
async def authenticate(credential: str) -> DeviceScope | None:
    """Return whose device has `credential`; None if it is unknown, revoked or its user inactive."""
    token = tokens.read(credential)
    if token is None:
        return None
    async with tx(token.account) as opened:
        row = await opened.fetchrow(AUTHENTICATE, token.account, token.hash)
        if row is None:
            return None
        if row["last_seen_at"] is None or row["last_seen_at"] <= opened.now - SEEN_EVERY:
            await opened.execute(SEEN, token.account, row["id"], opened.now)
        return DeviceScope(token.account, row["id"], row["technician"])


async def revoke(tx: Tx, device: UUID) -> None:
    """Revoke a device's credential and wake its live streams, which end then; idempotent.

    :raises MissingError: the account has no such device.
    """
    if await tx.execute(REVOKE, tx.account, device, tx.now):
        await record(
            tx, "device.revoke", [AuditChange(f"device/{device}", None, {"revoked_at": tx.now})]
        )
    elif not await tx.fetchval(KNOWN, tx.account, device):
        raise MissingError("no such device")
    await bump_position(tx)


async def still_enrolled(tx: Tx, devices: Sequence[UUID]) -> set[UUID]:
    """Return those of `devices` that are not revoked and whose users are active technicians."""
    if not devices:
        return set()
    return {row["id"] for row in await tx.fetch(STILL_ENROLLED, tx.account, devices)}


async def describe(tx: Tx, device: DeviceScope) -> Enrolment:
    """Return the names and languages of an authenticated device, its technician and account."""
    row = await tx.fetchrow(DESCRIBE, tx.account, device.device)
    assert row is not None  # noqa: S101 - devices are revoked and never removed
    return Enrolment(
        DeviceName(device.device, row["device"]),
        TechnicianName(device.technician, row["technician"], row["spoken"]),
        AccountName(row["name"], row["zone"], row["language"]),
    )


def _plain(code: str) -> str:
    return code.upper().translate(_IGNORED)


def _digest(code: str) -> bytes:
    return tokens.digest(code.encode())
