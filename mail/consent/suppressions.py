"""The suppression list of an account: read, searched, added to by hand or by a file, and lifted."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, Literal, TypeAlias, get_args
from uuid import UUID

import asyncpg
from msgspec import Struct

from mail import contacts
from mail.consent import standing
from mail.contacts import EMPTY, Contact, Source, Suppression
from mail.recall import lock_claims, recall_contacts
from rules.address import normal_form
from sync.audit import AuditChange, record
from sync.database import Tx
from sync.errors import AddressError, ConflictError, MissingError

LAST_ID: Final = UUID(int=2**128 - 1)
REASONS: Final[tuple[Suppression, ...]] = get_args(Suppression)
#: Behind every ASCII letter: a normal form that begins with a text is less than the text with it.
_BEYOND: Final = "\x7f"

_COLUMNS: Final = """
SELECT id, address, suppressed AS reason, suppressed_source AS source, suppressed_at AS since
FROM contact
"""
_NEWEST: Final = f"""{_COLUMNS}
WHERE account = $1 AND suppressed IS NOT NULL
  AND (suppressed_at, id) < (coalesce($2::timestamptz, 'infinity'), coalesce($3::uuid, $4))
ORDER BY suppressed_at DESC, id DESC LIMIT $5
"""
_BEGINNING: Final = f"""{_COLUMNS}
WHERE account = $1 AND suppressed IS NOT NULL
  AND address COLLATE "C" >= $2 AND address COLLATE "C" < $3 AND address COLLATE "C" > $4
ORDER BY address COLLATE "C" LIMIT $5
"""
_ONE: Final = f"{_COLUMNS} WHERE account = $1 AND id = $2 AND suppressed IS NOT NULL"

#: What became of an address that was to be suppressed.
Outcome: TypeAlias = Literal["added", "present"]


class Suppressed(Struct, frozen=True):
    """An address that is not written to. `address`: None once it is erased. `since`: UTC."""

    id: UUID
    address: str | None
    reason: Suppression
    source: Source
    since: datetime


async def newest(
    tx: Tx, limit: int, after: tuple[datetime, UUID] | None = None
) -> list[Suppressed]:
    """Return at most `limit` suppressions, the newest first; `after`: the last that was seen."""
    since, key = after or (None, None)
    return _read(await tx.fetch(_NEWEST, tx.account, since, key, LAST_ID, limit))


async def search(tx: Tx, text: str, limit: int, after: str = "") -> list[Suppressed]:
    """Return the suppression of an address, even an erased one, or of those that begin so.

    In the order of addresses. `after`: the last that was seen.
    """
    if (exact := normal_form(text)) and not after:
        contact = (await contacts.read(tx, [exact])).get(exact)
        if contact is not None and contact.suppressed is not None:
            return [await get(tx, contact.id)]
    start = text.strip().lower()
    return _read(await tx.fetch(_BEGINNING, tx.account, start, f"{start}{_BEYOND}", after, limit))


async def get(tx: Tx, contact: UUID) -> Suppressed:
    """Return one suppression.

    :raises MissingError: the account has no such contact, or it is not suppressed.
    """
    found = _read(await tx.fetch(_ONE, tx.account, contact))
    if not found:
        raise MissingError(contact)
    return found[0]


async def add(tx: Tx, address: str, why: Suppression) -> Suppressed:
    """Suppress an address by hand; one that is suppressed as firmly stays as it is.

    :raises AddressError: it is no address.
    """
    normal = normal_form(address)
    if normal is None:
        raise AddressError("address", "is not exactly one e-mail address")
    await lock_claims(tx)
    await suppress(tx, {normal: why}, "staff")
    [contact] = (await contacts.lock(tx, [normal])).values()
    return await get(tx, contact.id)


def judge(known: Mapping[str, Contact], wanted: Sequence[tuple[str, Suppression]]) -> list[Outcome]:
    """Return for each address, in normal form, whether it is added to what is `known`.

    An address that a server refuses may still be suppressed for good: as unsubscribed, or because
    of a complaint. Of several entries for one address each is judged after the one before.
    """
    stands = {address: contact.suppressed for address, contact in known.items()}
    outcomes: list[Outcome] = []
    for address, why in wanted:
        before = stands.get(address)
        is_added = before is None or (before in EMPTY and why not in EMPTY)
        outcomes.append("added" if is_added else "present")
        if is_added:
            stands[address] = why
    return outcomes


async def suppress(tx: Tx, wanted: Mapping[str, Suppression], source: Source) -> None:
    """Suppress addresses, in normal form, as far as `judge` adds them; claims are locked.

    What is claimed for them is recalled, and all that waits is dropped at its release.
    """
    read = await contacts.read(tx, wanted)
    await recall_contacts(tx, [contact.id for contact in read.values()])  # before contacts: locks
    known = await contacts.lock(tx, wanted)
    known |= await contacts.create(tx, wanted.keys() - known.keys())
    outcomes = judge(known, list(wanted.items()))
    by_reason: dict[Suppression, list[UUID]] = defaultdict(list)
    for (address, why), outcome in zip(wanted.items(), outcomes, strict=True):
        if outcome == "added":
            by_reason[why].append(known[address].id)
    for why, chosen in by_reason.items():
        await standing.override(tx, chosen, why, source)
    before = {contact.id: contact.suppressed for contact in known.values()}
    changes = [
        AuditChange(
            f"contact/{contact}",
            {"suppressed": before[contact]},
            {"suppressed": why, "source": source},
        )
        for why, chosen in by_reason.items()
        for contact in chosen
    ]
    await record(tx, "suppression.write", changes)


async def lift(tx: Tx, contact: UUID, why: str) -> None:
    """Write to an address again whose mails bounced or whose mailbox was full.

    What was dropped meanwhile stays dropped. `why`: one line, for the audit.

    :raises MissingError: the account has no such contact, or it is not suppressed.
    :raises ConflictError: the person unsubscribed or complained, which nobody else lifts.
    """
    before = await get(tx, contact)
    if not await standing.lift(tx, contact):
        raise ConflictError("only a bounce or a full mailbox is lifted")
    change = AuditChange(
        f"contact/{contact}", {"suppressed": before.reason}, {"suppressed": None, "why": why}
    )
    await record(tx, "suppression.lift", [change])


def _read(rows: Sequence[asyncpg.Record]) -> list[Suppressed]:
    return [Suppressed(**row) for row in rows]
