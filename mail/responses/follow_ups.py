"""Follow-ups: what an answer leaves to be done, opened and taken back together with the answer.

Each answer has at most one of each kind, whatever its rating was and however often it is changed.
One that nobody has taken up is withdrawn when the customer asks for it no more, and opened again
when they do; what somebody is at, or has closed, stays theirs.
"""

from collections.abc import Sequence
from typing import Final, Literal, TypeAlias, get_args
from uuid import UUID

from mail.campaigns.definition import Sentiment
from mail.responses.answer_body import Body
from sync.audit import AuditChange, record
from sync.database import Tx
from sync.ids import new_id

#: What is to be done: call the customer back, or read what displeased them.
Kind: TypeAlias = Literal["call_back", "negative"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

#: Why one is closed that nobody has closed.
WITHDRAWN: Final = "withdrawn"
#: How those are told of that come and go, in the record.
_STANDS: Final = {"status": "open"}
_IS_WITHDRAWN: Final = {"status": "closed", "resolution": WITHDRAWN}

_OPEN: Final = """
INSERT INTO follow_up (account, id, invitation, kind, opened_at, status)
SELECT $1, one.id, $2, one.kind, $5, 'open'
FROM unnest($3::uuid[], $4::text[]) AS one (id, kind) ORDER BY one.kind
ON CONFLICT (account, invitation, kind) DO UPDATE
SET status = 'open', opened_at = excluded.opened_at, resolution = NULL, closed_at = NULL
WHERE follow_up.resolution = $6 AND follow_up.closed_by IS NULL
RETURNING id, kind, id <> ALL($3) AS again
"""

_WITHDRAW: Final = """
UPDATE follow_up SET status = 'closed', resolution = $4, closed_at = $3
WHERE account = $1 AND invitation = $2 AND kind <> ALL($5::text[]) AND status = 'open'
RETURNING id
"""


def kinds_of(body: Body, sentiment: Sentiment | None) -> list[Kind]:
    """What an answer asks for. Who is not the customer has rated nothing, but is called back."""
    negative = sentiment == "negative" and not body.not_me
    asks: dict[Kind, bool] = {"call_back": body.call_back, "negative": negative}
    return [kind for kind in KINDS if asks[kind]]


async def follow(
    tx: Tx, invitation: UUID, body: Body, sentiment: Sentiment | None, *, first: bool
) -> None:
    """Bring an answer's follow-ups in line with what it says now; the answer is locked.

    `first`: it is its first version.
    """
    kinds = kinds_of(body, sentiment)
    if not first:
        await _withdraw(tx, invitation, kinds)
    if kinds:
        await _open(tx, invitation, kinds)


async def _withdraw(tx: Tx, invitation: UUID, but: Sequence[Kind]) -> None:
    rows = await tx.fetch(_WITHDRAW, tx.account, invitation, tx.now, WITHDRAWN, but)
    told = [AuditChange(f"follow_up/{row['id']}", _STANDS, _IS_WITHDRAWN) for row in rows]
    await record(tx, "follow_up.withdraw", told)


async def _open(tx: Tx, invitation: UUID, kinds: Sequence[Kind]) -> None:
    ids = [new_id() for _ in kinds]
    rows = await tx.fetch(_OPEN, tx.account, invitation, ids, kinds, tx.now, WITHDRAWN)
    told = [
        AuditChange(f"follow_up/{row['id']}", _IS_WITHDRAWN, _STANDS)
        if row["again"]
        else AuditChange(
            f"follow_up/{row['id']}", None, {"invitation": invitation, "kind": row["kind"]}
        )
        for row in rows
    ]
    await record(tx, "follow_up.open", told)
