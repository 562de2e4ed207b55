"""Breakers: while mails of a sender are refused only one is tried now and then, as a probe.

There is one breaker for each pair of domains, the sender's and the recipient's, and one for the
sender's domain and any recipient, which replaces those of its pairs. A closed breaker counts
refusals; an accepted mail deletes it. Mails behind an open one are not due, and the time for their
retries begins anew. Rows are locked before the queue, a sender's own breaker before those of its
pairs. A transaction that closes breakers first takes the account's lock for claims, so that no
claim puts a mail behind them concurrently.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, TypeAlias
from uuid import UUID

import structlog
from msgspec import Struct

from mail.delivery.events import Event, add_events
from mail.delivery.outcomes import Opens
from mail.recall import lock_claims
from mail.smtp.replies import SendError
from mail.states import GIVE_BACK, quoted
from sync.database import Tx

LOG: Final = structlog.stdlib.get_logger("retour.delivery")

#: In place of a recipient's domain: any.
EVERY: Final = "*"
#: A breaker opens after so many refused addresses in a row; a sender's own one after as many that
#: belong to so many domains.
ADDRESSES: Final = 5
DOMAINS: Final = 3
#: The wait before the first probe, doubled after each refused one, up to the longest.
FIRST_WAIT: Final = timedelta(minutes=1)
LONGEST_WAIT: Final = timedelta(minutes=30)
#: Mails behind a breaker are due again after this time in any case: their sender may have changed.
RECHECK: Final = timedelta(hours=1)
#: So many mails are due at once when a breaker closes; more would delay those of other senders.
MAX_FREED: Final = 20_000
#: The error of a mail that waits for a breaker and was not refused itself.
BEHIND: Final = "breaker"

_RECORD_REFUSAL: Final = """
INSERT INTO sender_breaker AS b (account, sender, recipient, refused, reason, refused_at, probes)
VALUES ($1, $2, $3, '{}', $4, $5, 0)
ON CONFLICT (account, sender, recipient)
DO UPDATE SET reason = excluded.reason, refused_at = excluded.refused_at
RETURNING refused, opened_at
"""

_SET_REFUSED: Final = """
UPDATE sender_breaker SET refused = $4 WHERE (account, sender, recipient) = ($1, $2, $3)
"""

_OPEN: Final = """
UPDATE sender_breaker SET refused = '{}', opened_at = $4, until = $5
WHERE (account, sender, recipient) = ($1, $2, $3)
"""

_DELETE_PAIRS: Final = (
    "DELETE FROM sender_breaker WHERE account = $1 AND sender = $2 AND recipient <> $3"
)

_SET_UNTIL: Final = """
UPDATE sender_breaker SET until = $4
WHERE account = $1 AND sender = $2 AND recipient IN ($3, '*') AND opened_at IS NOT NULL
"""

_WAIT_LONGER: Final = """
UPDATE sender_breaker SET probes = probes + 1,
  until = $4::timestamptz + least($5::interval * power(2, least(probes, 20) + 1), $6::interval)
WHERE (account, sender, recipient) = ($1, $2, $3)
"""

_READ_OPEN: Final = """
SELECT sender, recipient FROM sender_breaker WHERE account = $1 AND opened_at IS NOT NULL
"""

_LOCK_OPEN: Final = """
SELECT sender, recipient, until <= $2 AS may_probe FROM sender_breaker
WHERE account = $1 AND opened_at IS NOT NULL
ORDER BY sender, recipient <> '*', recipient FOR NO KEY UPDATE
"""

#: Mails that were not refused go first, then the least tried: a mail that is refused for its own
#: sake must not keep the breaker open.
_PROBE: Final = quoted("""
UPDATE outbox SET not_before = $4
WHERE (account, invitation) IN (
  SELECT account, invitation FROM outbox
  WHERE account = $1 AND sender_domain = $2 AND ($3 = '*' OR recipient_domain = $3)
    AND phase = {Phase.WAITING} AND release <= $4
  ORDER BY error = $5 DESC, attempt, release LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED)
RETURNING invitation
""")

#: A breaker that no mail waits for is deleted; the next refusals open it again.
_DELETE_UNUSED: Final = quoted("""
DELETE FROM sender_breaker
WHERE (account, sender, recipient) = ($1, $2, $3) AND NOT EXISTS (
  SELECT FROM outbox
  WHERE account = $1 AND sender_domain = $2 AND ($3 = '*' OR recipient_domain = $3)
    AND phase = {Phase.WAITING})
""")

#: A mail that was refused itself keeps its error; one with an earlier copy keeps its date.
_PUT_DUE_BEHIND: Final = """
UPDATE outbox o SET not_before = $2,
  error = CASE WHEN attempt = 0 THEN $3 ELSE coalesce(error, $3) END,
  sender_domain = given.sender, recipient_domain = given.recipient,
  first_tried_at = CASE WHEN resent THEN first_tried_at END
FROM unnest($4::uuid[], $5::text[], $6::text[]) AS given (invitation, sender, recipient)
WHERE o.account = $1 AND o.invitation = ANY($4::uuid[]) AND o.invitation = given.invitation
"""

_PUT_BEHIND: Final = GIVE_BACK.sql("""
UPDATE outbox SET phase = {phase}, not_before = $4, lease_until = NULL, error = $5,
  sender_domain = $6, recipient_domain = $7,
  first_tried_at = CASE WHEN resent THEN first_tried_at END
WHERE account = $1 AND invitation = $2 AND attempt = $3 AND phase IN ({from_phases})
""")

_DELETE: Final = """
DELETE FROM sender_breaker
WHERE account = $1 AND sender = $2 AND recipient = ANY($3::text[])
RETURNING recipient, opened_at
"""

#: Selected by release, then locked by id, as in all transactions.
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
    """The domains of a mail's sender and recipient, in ASCII."""

    sender: str
    recipient: str

    @property
    def to_any(self) -> "Route":
        """The same sender with any recipient."""
        return Route(self.sender, EVERY)


class Opened(Struct, frozen=True):
    """An open breaker; `route.recipient` may be `EVERY`. `fresh`: this transaction opened it."""

    account: int
    route: Route
    at: datetime
    fresh: bool

    def stops(self, account: int, route: Route, claimed_at: datetime) -> bool:
        """Whether a mail waits for it: of this account and route, claimed before it opened."""
        return (
            self.account == account and self.at > claimed_at and self.route in (route, route.to_any)
        )


class BehindBreaker(Struct, frozen=True):
    """An invitation that waits for the breaker of `route`."""

    invitation: UUID
    route: Route


#: The open breakers of an account, with the invitation that each lets through as a probe now.
OpenBreakers: TypeAlias = Mapping[Route, UUID | None]


async def read_open(tx: Tx) -> list[Route]:
    """Return the routes of the account's open breakers, without locking them."""
    rows = await tx.fetch(_READ_OPEN, tx.account)
    return [Route(row["sender"], row["recipient"]) for row in rows]


async def lock_open(tx: Tx) -> OpenBreakers:
    """Lock the account's open breakers, make one mail due of each that may be probed.

    Claims of the account are locked.
    """
    open_breakers: dict[Route, UUID | None] = {}
    for row in await tx.fetch(_LOCK_OPEN, tx.account, tx.now):
        route, probe = Route(row["sender"], row["recipient"]), None
        if row["may_probe"]:
            probe = await tx.fetchval(_PROBE, *_key(tx, route), tx.now, BEHIND)
            if probe is None and await tx.execute(_DELETE_UNUSED, *_key(tx, route)):
                continue
        open_breakers[route] = probe
    return open_breakers


async def put_due_behind(tx: Tx, stopped: Sequence[BehindBreaker]) -> None:
    """Have due mails, whose rows are locked, wait for their breakers."""
    rows = [(mail.invitation, mail.route.sender, mail.route.recipient) for mail in stopped]
    until = tx.now + RECHECK
    await tx.execute(_PUT_DUE_BEHIND, tx.account, until, BEHIND, *zip(*rows, strict=True))


async def let_through(tx: Tx, probed: Iterable[Route], until: datetime) -> None:
    """Have no other probe be tried before `until`: one is on its way."""
    for route in probed:
        await tx.execute(_SET_UNTIL, *_key(tx, route), until)


async def count_refusal(
    tx: Tx, route: Route, opens: Opens, address: str, reason: str, probe: bool
) -> Opened | None:
    """Count a refused mail to `address`, and return the breaker that is open for it now, if any.

    `probe`: an open breaker had let it through.
    """
    counted = await _counted(tx, route.to_any, address, reason, probe)
    if isinstance(counted, Opened):
        return counted
    domains = {refused.rpartition("@")[2] for refused in counted}
    if len(counted) >= ADDRESSES and (opens is Opens.SENDER or len(domains) >= DOMAINS):
        await tx.execute(_DELETE_PAIRS, *_key(tx, route.to_any))
        return await _open(tx, route.to_any)
    if opens is Opens.SENDER:
        return None
    counted = await _counted(tx, route, address, reason, probe)
    if isinstance(counted, Opened):
        return counted
    return await _open(tx, route) if len(counted) >= ADDRESSES else None


async def put_behind(tx: Tx, event: Event, route: Route, error: SendError) -> None:
    """Have a refused mail wait for its breaker, if the attempt of `event` is still leased."""
    fence = (tx.account, event.invitation, event.attempt)
    domains = (route.sender, route.recipient)
    if await tx.execute(_PUT_BEHIND, *fence, tx.now + RECHECK, str(error), *domains):
        await add_events(tx, [event])


async def probe_again(tx: Tx, route: Route) -> None:
    """Try another probe soon: the last one was neither accepted nor refused because of us."""
    await tx.execute(_SET_UNTIL, *_key(tx, route), tx.now + FIRST_WAIT)


async def close(tx: Tx, routes: Collection[Route]) -> None:
    """Close the breakers of `routes`, of which mails were accepted; what waited is due at once."""
    await lock_claims(tx)
    for sender in sorted({route.sender for route in routes}):
        recipients = [route.recipient for route in routes if route.sender == sender]
        rows = await tx.fetch(_DELETE, tx.account, sender, [EVERY])
        rows += await tx.fetch(_DELETE, tx.account, sender, recipients)
        for row in rows:
            if row["opened_at"] is not None:
                await tx.execute(_FREE, tx.account, sender, row["recipient"], tx.now, MAX_FREED)
                LOG.info("mails are taken again", sender=sender, recipient=row["recipient"])


async def _counted(
    tx: Tx, route: Route, address: str, reason: str, probe: bool
) -> Opened | list[str]:
    """Count a refusal at one breaker: return the addresses refused in a row, or that it is open.

    A refused probe makes an open one wait longer.
    """
    row = await tx.fetchrow(_RECORD_REFUSAL, *_key(tx, route), reason, tx.now)
    assert row is not None  # noqa: S101 - it was inserted or updated
    if row["opened_at"] is not None:
        if probe:
            await tx.execute(_WAIT_LONGER, *_key(tx, route), tx.now, FIRST_WAIT, LONGEST_WAIT)
        return Opened(tx.account, route, row["opened_at"], fresh=False)
    found: list[str] = row["refused"]
    domain = address.rpartition("@")[2]
    same_domain = [refused for refused in found if refused.rpartition("@")[2] == domain]
    if address in same_domain or len(same_domain) >= ADDRESSES:
        return found
    await tx.execute(_SET_REFUSED, *_key(tx, route), [*found, address])
    return [*found, address]


async def _open(tx: Tx, route: Route) -> Opened:
    await tx.execute(_OPEN, *_key(tx, route), tx.now, tx.now + FIRST_WAIT)
    return Opened(tx.account, route, tx.now, fresh=True)


def _key(tx: Tx, route: Route) -> tuple[int, str, str]:
    return tx.account, route.sender, route.recipient
