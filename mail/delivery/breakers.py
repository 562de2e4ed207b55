"""Breakers: of a sender that is refused no mail is tried but one now and then, until that is taken.

There is one for each pair of domains, the sender's and the recipient's, and one for a sender
whoever it is for, which replaces those of its pairs. Refusals are counted while it is shut; what is
taken forgets them. Once it is open, mails of it wait without being due, and their patience begins
anew. Rows are locked before the queue, a sender's own before those of its pairs; whoever shuts one
takes the account's turn first, so that no claim puts a mail behind it meanwhile.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, TypeAlias
from uuid import UUID

import structlog
from msgspec import Struct

from mail.delivery.outcomes import Opens
from mail.recall import lock_claims
from mail.states import GIVE_BACK, quoted
from sync.database import Tx

LOG: Final = structlog.stdlib.get_logger("retour.delivery")

#: In place of a recipient's domain: whoever it is for.
EVERY: Final = "*"
#: So many addresses refused in a row open one, and a sender's own if they are of so many domains.
ADDRESSES: Final = 5
DOMAINS: Final = 3
#: The rest before the first mail that is tried, twice as long after each refused one, and longest.
FIRST_REST: Final = timedelta(minutes=1)
LONGEST_REST: Final = timedelta(minutes=30)
#: Mails that wait are judged again by then in any case: their sender may be another one now.
LOOK_AGAIN: Final = timedelta(hours=1)
#: So many are due as soon as one is taken; more would keep everybody waiting.
AT_ONCE: Final = 20_000
#: What a row says that waits and was not refused itself.
BEHIND: Final = "breaker"

_NOTE: Final = """
INSERT INTO sender_breaker AS b (account, sender, recipient, refused, reason, refused_at, probes)
VALUES ($1, $2, $3, '{}', $4, $5, 0)
ON CONFLICT (account, sender, recipient)
DO UPDATE SET reason = excluded.reason, refused_at = excluded.refused_at
RETURNING refused, opened_at
"""

_COUNT: Final = """
UPDATE sender_breaker SET refused = $4 WHERE (account, sender, recipient) = ($1, $2, $3)
"""

_OPEN: Final = """
UPDATE sender_breaker SET refused = '{}', opened_at = $4, until = $5
WHERE (account, sender, recipient) = ($1, $2, $3)
"""

_OF_PAIRS: Final = (
    "DELETE FROM sender_breaker WHERE account = $1 AND sender = $2 AND recipient <> $3"
)

_UNTIL: Final = """
UPDATE sender_breaker SET until = $4
WHERE account = $1 AND sender = $2 AND recipient IN ($3, '*') AND opened_at IS NOT NULL
"""

_REST_LONGER: Final = """
UPDATE sender_breaker SET probes = probes + 1,
  until = $4::timestamptz + least($5::interval * power(2, least(probes, 20) + 1), $6::interval)
WHERE (account, sender, recipient) = ($1, $2, $3)
"""

_OPENED: Final = """
SELECT sender, recipient, until <= $2 AS rested FROM sender_breaker
WHERE account = $1 AND opened_at IS NOT NULL
ORDER BY sender, recipient <> '*', recipient FOR NO KEY UPDATE
"""

#: Those that were not refused yet go first, then what was tried the least: no mail that is refused
#: for its own sake shall stand for all.
_PROBE: Final = quoted("""
UPDATE outbox SET not_before = $4
WHERE (account, invitation) IN (
  SELECT account, invitation FROM outbox
  WHERE account = $1 AND sender_domain = $2 AND ($3 = '*' OR recipient_domain = $3)
    AND phase = {Phase.WAITING} AND release <= $4
  ORDER BY error = $5 DESC, attempt, release LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED)
RETURNING invitation
""")

#: Where nobody waits, the next refusals open it anew.
_FORGET: Final = quoted("""
DELETE FROM sender_breaker
WHERE (account, sender, recipient) = ($1, $2, $3) AND NOT EXISTS (
  SELECT FROM outbox
  WHERE account = $1 AND sender_domain = $2 AND ($3 = '*' OR recipient_domain = $3)
    AND phase = {Phase.WAITING})
""")

#: What was refused itself goes on saying so. Of one that may have gone before, the date stays.
_PARK: Final = """
UPDATE outbox o SET not_before = $2,
  error = CASE WHEN attempt = 0 THEN $3 ELSE coalesce(error, $3) END,
  sender_domain = one.sender, recipient_domain = one.recipient,
  first_tried_at = CASE WHEN resent THEN first_tried_at END
FROM unnest($4::uuid[], $5::text[], $6::text[]) AS one (invitation, sender, recipient)
WHERE o.account = $1 AND o.invitation = ANY($4::uuid[]) AND o.invitation = one.invitation
"""

_PUT_BEHIND: Final = GIVE_BACK.sql("""
UPDATE outbox SET phase = {phase}, not_before = $4, lease_until = NULL, error = $5,
  sender_domain = $6, recipient_domain = $7,
  first_tried_at = CASE WHEN resent THEN first_tried_at END
WHERE account = $1 AND invitation = $2 AND attempt = $3 AND phase IN ({from_phases})
""")

_TAKEN: Final = """
DELETE FROM sender_breaker
WHERE account = $1 AND sender = $2 AND recipient = ANY($3::text[])
RETURNING recipient, opened_at
"""

#: Picked by release, then locked in the order in which everybody does.
_FREE: Final = quoted("""
UPDATE outbox SET not_before = greatest($4, release), error = NULL,
  sender_domain = NULL, recipient_domain = NULL,
  first_tried_at = CASE WHEN resent THEN first_tried_at END
WHERE (account, invitation) IN (
  SELECT account, invitation FROM outbox
  WHERE account = $1 AND phase = {Phase.WAITING} AND invitation IN (
    SELECT invitation FROM outbox
    WHERE account = $1 AND sender_domain = $2 AND ($3 = '*' OR recipient_domain = $3)
      AND phase = {Phase.WAITING}
    ORDER BY release, invitation LIMIT $5)
  ORDER BY invitation FOR NO KEY UPDATE)
""")


class Route(Struct, frozen=True):
    """The domains that a mail is from and for, as they travel."""

    sender: str
    recipient: str


class Opened(Struct, frozen=True):
    """A breaker that is open; `route.recipient` may be `EVERY`. `fresh`: since just now."""

    account: int
    route: Route
    at: datetime
    fresh: bool

    def stops(self, account: int, route: Route, claimed_at: datetime) -> bool:
        """Whether a mail of `route` waits behind it that `account` claimed before it opened."""
        ours = self.account == account and self.at > claimed_at
        return ours and self.route in (route, _whole(route))


class Stopped(Struct, frozen=True):
    """An invitation that waits behind the breaker of `route`."""

    invitation: UUID
    route: Route


#: The open breakers of an account, and the invitation that each lets through, if it has rested.
Probes: TypeAlias = Mapping[Route, UUID | None]


async def open_ones(tx: Tx) -> Probes:
    """The account's open breakers, locked; of each that has rested one mail is due now.

    The account's turn is ours.
    """
    probes = {}
    for row in await tx.fetch(_OPENED, tx.account, tx.now):
        route = Route(row["sender"], row["recipient"])
        probe = await _probe(tx, route) if row["rested"] else None
        if probe or not row["rested"] or not await tx.execute(_FORGET, *_key(tx, route)):
            probes[route] = probe
    return probes


async def park(tx: Tx, stopped: Sequence[Stopped]) -> None:
    """Have due mails, whose rows are locked, wait behind their breakers."""
    rows = [(one.invitation, one.route.sender, one.route.recipient) for one in stopped]
    until = tx.now + LOOK_AGAIN
    await tx.execute(_PARK, tx.account, until, BEHIND, *zip(*rows, strict=True))


async def let_through(tx: Tx, probed: Iterable[Route], until: datetime) -> None:
    """One mail of each is under way: no other is tried before `until`."""
    for route in probed:
        await tx.execute(_UNTIL, *_key(tx, route), until)


async def refused(
    tx: Tx, route: Route, opens: Opens, address: str, reason: str, probe: bool
) -> Opened | None:
    """Count a refusal of a mail to `address`, and tell which breaker stops such mails now.

    `probe`: it was let through an open one.
    """
    whole = _whole(route)
    found = await _counted(tx, whole, address, reason)
    if isinstance(found, Opened):
        return await _rested(tx, found, probe)
    domains = {one.rpartition("@")[2] for one in found}
    if len(found) >= ADDRESSES and (opens is Opens.SENDER or len(domains) >= DOMAINS):
        await tx.execute(_OF_PAIRS, *_key(tx, whole))
        return await _opened(tx, whole)
    if opens is Opens.SENDER:
        return None
    found = await _counted(tx, route, address, reason)
    if isinstance(found, Opened):
        return await _rested(tx, found, probe)
    return await _opened(tx, route) if len(found) >= ADDRESSES else None


async def put_behind(tx: Tx, invitation: UUID, attempt: int, route: Route, text: str) -> bool:
    """Have a refused mail wait without counting time; return whether `attempt` still holds it."""
    until = tx.now + LOOK_AGAIN
    fence = (tx.account, invitation, attempt)
    domains = (route.sender, route.recipient)
    return bool(await tx.execute(_PUT_BEHIND, *fence, until, text, *domains))


async def probe_again(tx: Tx, route: Route) -> None:
    """The mail that was let through was neither taken nor refused for our sake: another is."""
    await tx.execute(_UNTIL, *_key(tx, route), tx.now + FIRST_REST)


async def taken(tx: Tx, routes: Collection[Route]) -> None:
    """Mails of `routes` were taken: nothing is counted any more, and what waited goes at once."""
    await lock_claims(tx)
    for sender in sorted({route.sender for route in routes}):
        recipients = [route.recipient for route in routes if route.sender == sender]
        rows = await tx.fetch(_TAKEN, tx.account, sender, [EVERY])
        rows += await tx.fetch(_TAKEN, tx.account, sender, recipients)
        for row in rows:
            if row["opened_at"] is not None:
                await tx.execute(_FREE, tx.account, sender, row["recipient"], tx.now, AT_ONCE)
                LOG.info("mails are taken again", sender=sender, recipient=row["recipient"])


async def _probe(tx: Tx, route: Route) -> UUID | None:
    """One of the mails that wait, which is due now."""
    found: UUID | None = await tx.fetchval(_PROBE, *_key(tx, route), tx.now, BEHIND)
    return found


async def _counted(tx: Tx, route: Route, address: str, reason: str) -> Opened | list[str]:
    """The addresses refused in a row, `address` among them; or the breaker, which is open."""
    row = await tx.fetchrow(_NOTE, *_key(tx, route), reason, tx.now)
    assert row is not None  # noqa: S101 - it was made or changed
    if row["opened_at"] is not None:
        return Opened(tx.account, route, row["opened_at"], fresh=False)
    found: list[str] = row["refused"]
    domain = address.rpartition("@")[2]
    same = [one for one in found if one.rpartition("@")[2] == domain]
    if address in same or len(same) >= ADDRESSES:
        return found
    await tx.execute(_COUNT, *_key(tx, route), [*found, address])
    return [*found, address]


async def _opened(tx: Tx, route: Route) -> Opened:
    await tx.execute(_OPEN, *_key(tx, route), tx.now, tx.now + FIRST_REST)
    return Opened(tx.account, route, tx.now, fresh=True)


async def _rested(tx: Tx, found: Opened, probe: bool) -> Opened:
    """Rest again, and longer, if it was the mail that was let through."""
    if probe:
        await tx.execute(_REST_LONGER, *_key(tx, found.route), tx.now, FIRST_REST, LONGEST_REST)
    return found


def _whole(route: Route) -> Route:
    return Route(route.sender, EVERY)


def _key(tx: Tx, route: Route) -> tuple[int, str, str]:
    return tx.account, route.sender, route.recipient
