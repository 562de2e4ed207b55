"""Follow-ups: work that an answer asks for, opened and withdrawn together with the answer.

Each answer has at most one of each kind, however often it is changed. An open one is withdrawn when
the customer does not ask for it any more. One that was closed is opened again when the customer
asks anew or says something else: another number to call, other words about a bad visit. Who closed
it before stands in the audit.
"""

from typing import Final, Literal, TypeAlias, get_args
from uuid import UUID

from mail.positions import ADVANCE
from mail.responses.recording import Body, Value
from rules.questions.scales import Sentiment
from sync.audit import AuditChange, record
from sync.database import Tx
from sync.errors import MissingError
from sync.ids import new_id

#: What is to be done: call the customer back, read what displeased them, or find out whose visit
#: it was.
FollowUpKind: TypeAlias = Literal["call_back", "negative", "disputed"]
KINDS: Final[tuple[FollowUpKind, ...]] = get_args(FollowUpKind)

#: What became of an attempt to close one; `changed`: the answer is not the one that was seen.
Closing: TypeAlias = Literal["closed", "changed", "closed_before"]

#: The resolution of a follow-up that no user has closed, and of one that a user has.
WITHDRAWN: Final = "withdrawn"
HANDLED: Final = "handled"

#: The letters of a note.
LONGEST_NOTE: Final = 1000

_IS_OPEN: Final = {"status": "open"}
_IS_WITHDRAWN: Final = {"status": "closed", "resolution": WITHDRAWN}
_IS_HANDLED: Final = {"status": "closed", "resolution": HANDLED}

_FIND: Final = """
SELECT kind, id, resolution FROM follow_up
WHERE account = $1 AND invitation = $2 AND kind = ANY($3)
"""

_OPEN: Final = """
INSERT INTO follow_up (account, id, invitation, kind, opened_at, status)
SELECT $1, new.id, $2, new.kind, $5, 'open'
FROM unnest($3::uuid[], $4::text[]) AS new (id, kind) ORDER BY new.kind
ON CONFLICT (account, invitation, kind) DO UPDATE SET status = 'open',
  opened_at = excluded.opened_at, resolution = NULL, closed_by = NULL, closed_at = NULL, note = NULL
WHERE follow_up.status = 'closed'
RETURNING id, kind, id <> ALL($3) AS again
"""

_WITHDRAW: Final = """
UPDATE follow_up SET status = 'closed', resolution = $4, closed_at = $3
WHERE account = $1 AND invitation = $2 AND kind <> ALL($5::text[]) AND status = 'open'
RETURNING id
"""

#: The answer is locked before its follow-up, as where it is changed.
_LOCK_ANSWER: Final = """
SELECT a.invitation, a.versions, a.not_me, a.call_back, a.sentiment, f.kind, f.status
FROM answer a JOIN follow_up f ON (f.account, f.invitation) = ($1, a.invitation)
WHERE a.account = $1 AND f.id = $2 FOR NO KEY UPDATE OF a
"""

_CLOSE: Final = """
UPDATE follow_up SET status = 'closed', resolution = $4, closed_by = $5, closed_at = $6,
  note = nullif($7, '')
WHERE account = $1 AND invitation = $2 AND kind = $3 AND status <> 'closed'
RETURNING id
"""

_REOPEN: Final = """
UPDATE follow_up SET status = $3, resolution = $4, closed_at = $5, closed_by = NULL, note = NULL
WHERE account = $1 AND id = $2 AND closed_by IS NOT NULL
"""


def kinds_of(not_me: bool, call_back: bool, sentiment: Sentiment | None) -> list[FollowUpKind]:
    """Return what an answer asks for. With `not_me` its rating does not count, a call back does."""
    asks: dict[FollowUpKind, bool] = {
        "call_back": call_back,
        "negative": sentiment == "negative" and not not_me,
        "disputed": not_me,
    }
    return [kind for kind in KINDS if asks[kind]]


async def update_follow_ups(
    tx: Tx,
    invitation: UUID,
    body: Body,
    sentiment: Sentiment | None,
    before: tuple[Body, Sentiment | None] | None,
) -> None:
    """Open and withdraw follow-ups as an answer, which is locked, asks for now.

    `before`: the answer before this version and its sentiment; None for the first version.
    """
    kinds = kinds_of(body.not_me, body.call_back, sentiment)
    asked: list[FollowUpKind] = []
    if before is not None:
        rows = await tx.fetch(_WITHDRAW, tx.account, invitation, tx.now, WITHDRAWN, kinds)
        withdrawn = [AuditChange(f"follow_up/{row['id']}", _IS_OPEN, _IS_WITHDRAWN) for row in rows]
        await record(tx, "follow_up.withdraw", withdrawn)
        last, felt = before
        asked = [
            kind
            for kind in kinds_of(last.not_me, last.call_back, felt)
            if _matter(kind, last) == _matter(kind, body)
        ]
    if anew := [kind for kind in kinds if kind not in asked]:
        await _open(tx, invitation, anew)


async def close_follow_up(tx: Tx, follow_up: UUID, by: UUID, seen: int, note: str) -> Closing:
    """Close a follow-up as handled by the user `by`, who saw version `seen` of its answer.

    Whoever called a customer back knows what displeased them: the negative answer of the same
    invitation is closed with the call. `note`: may be empty.

    :raises MissingError: the account has no such follow-up.
    """
    found = await tx.fetchrow(_LOCK_ANSWER, tx.account, follow_up)
    if found is None:
        raise MissingError("no such follow-up")
    if found["status"] == "closed":
        return "closed_before"
    if found["versions"] != seen:
        return "changed"
    closing = (HANDLED, by, tx.now, note)
    kinds = ("call_back", "negative") if found["kind"] == "call_back" else (found["kind"],)
    closed: list[UUID] = []
    for kind in kinds:
        closed += [
            row["id"]
            for row in await tx.fetch(_CLOSE, tx.account, found["invitation"], kind, *closing)
        ]
        if not closed:
            return "closed_before"
    after = {**_IS_HANDLED, "note": note} if note else _IS_HANDLED
    changes = [AuditChange(f"follow_up/{one}", _IS_OPEN, after) for one in closed]
    await record(tx, "follow_up.close", changes)
    tx.last.add(ADVANCE)
    return "closed"


async def reopen_follow_up(tx: Tx, follow_up: UUID) -> None:
    """Open a follow-up again that a user closed; any other stays as it is.

    One that the answer does not ask for any more is withdrawn instead: nothing is left to be done.
    """
    answer = await tx.fetchrow(_LOCK_ANSWER, tx.account, follow_up)
    if answer is None:
        return
    kinds = kinds_of(answer["not_me"], answer["call_back"], answer["sentiment"])
    is_asked = answer["kind"] in kinds
    closing = (None, None) if is_asked else (WITHDRAWN, tx.now)
    status = "open" if is_asked else "closed"
    if await tx.execute(_REOPEN, tx.account, follow_up, status, *closing):
        after = _IS_OPEN if is_asked else _IS_WITHDRAWN
        action = "follow_up.reopen" if is_asked else "follow_up.withdraw"
        await record(tx, action, [AuditChange(f"follow_up/{follow_up}", _IS_HANDLED, after)])
        tx.last.add(ADVANCE)


async def _open(tx: Tx, invitation: UUID, kinds: list[FollowUpKind]) -> None:
    closed = await tx.fetch(_FIND, tx.account, invitation, kinds)
    resolutions = {row["kind"]: row["resolution"] for row in closed}
    ids = [new_id() for _ in kinds]
    opened = []
    for row in await tx.fetch(_OPEN, tx.account, invitation, ids, kinds, tx.now):
        before = {"status": "closed", "resolution": resolutions.get(row["kind"])}
        after = _IS_OPEN if row["again"] else {"invitation": invitation, "kind": row["kind"]}
        change = AuditChange(f"follow_up/{row['id']}", before if row["again"] else None, after)
        opened.append(change)
    await record(tx, "follow_up.open", opened)


def _matter(kind: FollowUpKind, body: Body) -> Value | str | bool:
    """What somebody who handles a follow-up acts upon: once it is another, it is asked anew."""
    match kind:
        case "call_back":
            return body.phone
        case "negative":
            return body.lead
        case "disputed":
            return body.not_me
