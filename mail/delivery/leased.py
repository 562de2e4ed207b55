"""Cleared invitations as they are once leased: what is fixed at the first attempt, and by whom."""

from collections.abc import Sequence
from typing import Final

import asyncpg
from msgspec import structs

from mail.delivery.stages import Cleared, Leased, Sending
from mail.i18n import locale_of
from mail.states import Purpose
from sync import tokens
from sync.database import Tx

_ACCOUNT: Final = "SELECT language, after_crash FROM account WHERE account = $1"


async def as_leased(tx: Tx, cleared: Sequence[Cleared]) -> list[Leased]:
    """Return `cleared` invitations as they are once leased; nothing is stored."""
    account = await tx.fetchrow(_ACCOUNT, tx.account)
    assert account is not None  # noqa: S101 - the transaction is in its scope
    return [_leased(tx, item, account) for item in cleared]


def _leased(tx: Tx, item: Cleared, account: asyncpg.Record) -> Leased:
    candidate = item.candidate
    sending = candidate.earlier or Sending(
        address=item.to.normal,
        typed=item.to.typed,
        language=locale_of(candidate.language, account["language"]),
        message_id="",
        secret=tokens.mint(),
    )
    if not sending.message_id or not sending.message_id.isascii():
        # In the sender's domain, since another one looks forged. The same for each copy, so that
        # mailboxes may discard the second. Older releases wrote domains that were not in punycode.
        message_id = f"<{candidate.invitation}@{item.version.domain}>"
        sending = structs.replace(sending, message_id=message_id)
    return Leased(
        account=tx.account,
        invitation=candidate.invitation,
        candidate=candidate,
        version=item.version,
        contact=item.contact,
        sending=sending,
        route=item.route,
        probe=item.probed is not None,
        attempt=candidate.attempt + 1,
        claimed_at=tx.now,
        first_tried_at=candidate.first_tried_at or tx.now,
        zone=candidate.zone,
        fallback=account["language"],
        after_crash=account["after_crash"] if candidate.purpose is Purpose.FIRST else "resend",
    )
