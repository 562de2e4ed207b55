"""Sending a survey again, because somebody of the office asks for it.

Of a survey that was sent a further mail is queued, with a link and a Message-ID of its own, and the
survey stays sent whatever becomes of it; it takes the place of a reminder that waits. One that no
server accepted is tried once more, and one in doubt gets another copy. Mute windows neither keep
such a mail back nor begin anew.
"""

from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec import Struct, structs

from mail import contacts
from mail.campaigns.cache import load
from mail.delivery import outbox
from mail.delivery.events import Event, add_events
from mail.delivery.forecast import Stays, forecast
from mail.delivery.known import possible_addresses, versions_of
from mail.delivery.stages import Candidate, Version
from mail.i18n import locale_of
from mail.recall import lock_claims
from mail.states import SEND_AGAIN, Purpose, Status
from rules.address import Resolved, resolve
from rules.campaign import AddressField
from rules.campaign import Status as CampaignStatus
from rules.decide import Late, Reason
from sync import tokens
from sync.audit import AuditChange, record
from sync.database import Tx
from sync.errors import ConflictError, FieldError, MissingError
from sync.ids import new_id

_IS_MADE: Final = "SELECT FROM mail_event WHERE account = $1 AND id = $2 AND invitation = $3"

_ENTRY: Final = """
SELECT attempt, own_typed_address FROM outbox
WHERE account = $1 AND invitation = $2 FOR NO KEY UPDATE
"""

#: A reminder that was queued while the invitation was waited for.
_IS_QUEUED: Final = "SELECT FROM outbox WHERE account = $1 AND invitation = $2"

_REPLACE: Final = SEND_AGAIN.sql("""
DELETE FROM outbox
WHERE account = $1 AND invitation = $2 AND purpose = {Purpose.REMINDER}
  AND phase IN ({from_phases})
""")

#: `attempt`: the last that was told of; a claim tells nothing.
_INVITATION: Final = """
SELECT i.status, i.deadline, a.language,
  (SELECT coalesce(max(attempt), 0) FROM mail_event
   WHERE account = $1 AND invitation = $2) AS told
FROM invitation i JOIN account a ON a.account = i.account
WHERE i.account = $1 AND i.id = $2 FOR NO KEY UPDATE OF i
"""

#: An operator's word overrules restores before it, and this is one.
_ENQUEUE: Final = SEND_AGAIN.sql("""
INSERT INTO outbox (account, invitation, release, not_before, phase, purpose, attempt, resent,
  survey_token, vouched_at, own_address, own_typed_address, own_message_id)
VALUES ($1, $2, $3, $3, {phase}, $4, $5, $6, $7, $8, $9, $10, $11)
""")

#: What no server accepted has the address, and the Message-ID, of the mail that is tried now.
_TRY_AGAIN: Final = SEND_AGAIN.sql("""
UPDATE invitation SET status = {status}, reason = NULL, address = $3, typed_address = $4,
  message_id = $5, language = coalesce(language, $6), address_field = $7,
  address_by_technician = $8
WHERE account = $1 AND id = $2
""")

_ADD_LINK: Final = """
INSERT INTO link (account, token_hash, invitation, contact) VALUES ($1, $2, $3, $4)
"""

_UNACCEPTED: Final = (Status.FAILED, Status.EXPIRED, Status.REFUSED)


class NotSentError(ConflictError):
    """The survey was never tried, or was dropped: there is nothing to send again (409)."""

    code = "not_sent"


class UnderWayError(ConflictError):
    """Another mail of the survey waits or is on its way (409)."""

    code = "under_way"


class ClosedError(ConflictError):
    """It cannot be answered any more: its deadline is over, or its campaign archived (409)."""

    code = "closed"


class UnreachableError(FieldError):
    """No mail goes to the address of `field` (409). `reason`: why."""

    code = "unreachable"

    def __init__(self, reason: Reason | Late) -> None:
        super().__init__("field", f"no mail goes there: {reason}")
        self.reason = reason


class Order(Struct, frozen=True):
    """That a survey be sent again. `id`: chosen by whoever asks; the same one has no effect.

    `by`: a user, None for a program. `field`: whose address; None for the campaign's first usable
    one, as at a release.
    """

    id: UUID
    by: UUID | None
    reason: str
    field: AddressField | None = None


class Survey(Struct, frozen=True):
    """A survey that may be sent again. `language`: the account's.

    `attempt`: as much as any worker has of an earlier mail, whose late writes then change nothing.
    """

    status: Status
    language: str
    attempt: int


async def send_again(tx: Tx, mail_from: str, invitation: UUID, order: Order) -> None:
    """Queue another mail of `invitation`, due at the first open moment.

    `mail_from`: the sender of campaigns that name none.

    :raises MissingError: the account has no such invitation.
    :raises NotSentError, UnderWayError, ClosedError, UnreachableError: see there.
    """
    await lock_claims(tx)
    if await tx.fetchrow(_IS_MADE, tx.account, order.id, invitation) is not None:
        return
    campaigns = await load(tx, lock=True)
    survey = await _lock(tx, invitation)
    candidate = await outbox.asked(tx, invitation)
    versions = await versions_of(tx, mail_from, campaigns, [candidate])
    version = versions.get((candidate.campaign, candidate.version))
    if version is None or version.rules.status is CampaignStatus.ARCHIVED:
        raise ClosedError("its campaign sends nothing any more")
    to = await _find_address(tx, candidate, version, order.field)
    opens = campaigns.places.calendar(candidate.zone, candidate.region).first_open(tx.now)
    await _enqueue(tx, survey, candidate, version, to, opens)
    asked = (survey.attempt, order.reason, order.by, to.typed, order.id)
    await add_events(tx, [Event(invitation, "resend_requested", *asked)])
    fate = (await forecast(tx, mail_from, [invitation])).get(invitation)
    if isinstance(fate, Stays):
        raise UnreachableError(fate.reason)
    after = {"reason": order.reason, "field": to.field}
    await record(tx, "survey.resend", [AuditChange(f"invitation/{invitation}", None, after)])


async def _lock(tx: Tx, invitation: UUID) -> Survey:
    """Return the survey, locked, if it may be sent again for all that its row says."""
    entry = await tx.fetchrow(_ENTRY, tx.account, invitation)
    row = await tx.fetchrow(_INVITATION, tx.account, invitation)
    if row is None:
        raise MissingError("no such survey")
    if row["status"] in (Status.SCHEDULED, Status.DROPPED):
        raise NotSentError("it was never sent")
    if row["deadline"] is not None and row["deadline"] <= tx.now:
        raise ClosedError("its deadline is over")
    if entry is None and await tx.fetchrow(_IS_QUEUED, tx.account, invitation) is not None:
        raise UnderWayError("a reminder of it was queued at this moment")
    if entry is not None and not await tx.execute(_REPLACE, tx.account, invitation):
        raise UnderWayError("a mail of it is on its way")
    attempt = row["told"]
    if entry is not None:
        attempt = max(attempt, entry["attempt"])
        gone = Event(invitation, "reminder_dropped", entry["attempt"], "resend_requested")
        await add_events(tx, [structs.replace(gone, address=entry["own_typed_address"])])
    return Survey(Status(row["status"]), row["language"], attempt)


async def _enqueue(
    tx: Tx, survey: Survey, candidate: Candidate, version: Version, to: Resolved, release: datetime
) -> None:
    """Put the mail into the queue, with a link and a Message-ID of its own."""
    invitation = candidate.invitation
    secret, message_id = tokens.mint(), f"<{invitation}.{new_id().hex}@{version.domain}>"
    is_accepted = survey.status not in _UNACCEPTED
    if not is_accepted:
        language = locale_of(candidate.language, survey.language)
        captured = to.field is AddressField.CUSTOMER and candidate.noted_by_technician
        addressed = (to.normal, to.typed, message_id, language, to.field.value, captured)
        await tx.execute(_TRY_AGAIN, tx.account, invitation, *addressed)
    own = (to.normal, to.typed, message_id) if is_accepted else (None, None, None)
    purpose = Purpose.RESEND if survey.status is Status.SENT else Purpose.FIRST
    entry = (release, purpose, survey.attempt, is_accepted, secret, tx.now, *own)
    await tx.execute(_ENQUEUE, tx.account, invitation, *entry)
    known = await contacts.lock(tx, [to.normal]) or await contacts.create(tx, [to.normal])
    unsubscribes = tokens.digest(tokens.digest(secret))
    await tx.execute(_ADD_LINK, tx.account, unsubscribes, invitation, known[to.normal].id)


async def _find_address(
    tx: Tx, candidate: Candidate, version: Version, field: AddressField | None
) -> Resolved:
    """Return the address in `field`, else as at a release.

    :raises UnreachableError: there is none.
    """
    rules = version.rules
    if field is None:
        known = await contacts.read(tx, possible_addresses([(candidate, version)]))
        empty = {address for address, one in known.items() if one.suppressed in contacts.EMPTY}
        to = resolve(candidate.mailboxes, rules.primary, rules.secondary, empty)
    else:
        to = resolve(candidate.mailboxes, field, None, set())
    if to is None:
        raise UnreachableError(Reason.NO_ADDRESS)
    return to
