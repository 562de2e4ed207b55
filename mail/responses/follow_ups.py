"""Follow-ups: work that an answer asks for, opened and withdrawn together with the answer.

Each answer has at most one of each kind, however often it is changed. An open one is withdrawn when
the customer does not ask for it any more, and opened again when they do; one that a user has taken
up or closed is not changed.
"""

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

#: The resolution of a follow-up that no user has closed.
WITHDRAWN: Final = "withdrawn"
#: Both states as the audit records them.
_IS_OPEN: Final = {"status": "open"}
_IS_WITHDRAWN: Final = {"status": "closed", "resolution": WITHDRAWN}

_OPEN: Final = """
INSERT INTO follow_up (account, id, invitation, kind, opened_at, status)
SELECT $1, new.id, $2, new.kind, $5, 'open'
FROM unnest($3::uuid[], $4::text[]) AS new (id, kind) ORDER BY new.kind
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
    """Return what an answer asks for. With `not_me` its rating does not count, a call back does."""
    negative = sentiment == "negative" and not body.not_me
    asks: dict[Kind, bool] = {"call_back": body.call_back, "negative": negative}
    return [kind for kind in KINDS if asks[kind]]


async def update_follow_ups(
    tx: Tx, invitation: UUID, body: Body, sentiment: Sentiment | None, *, first: bool
) -> None:
    """Open and withdraw follow-ups as an answer, which is locked, asks for now.

    `first`: it is its first version.
    """
    kinds = kinds_of(body, sentiment)
    if not first:
        rows = await tx.fetch(_WITHDRAW, tx.account, invitation, tx.now, WITHDRAWN, kinds)
        withdrawn = [AuditChange(f"follow_up/{row['id']}", _IS_OPEN, _IS_WITHDRAWN) for row in rows]
        await record(tx, "follow_up.withdraw", withdrawn)
    if not kinds:
        return
    ids = [new_id() for _ in kinds]
    opened = []
    for row in await tx.fetch(_OPEN, tx.account, invitation, ids, kinds, tx.now, WITHDRAWN):
        before = _IS_WITHDRAWN if row["again"] else None
        after = _IS_OPEN if row["again"] else {"invitation": invitation, "kind": row["kind"]}
        opened.append(AuditChange(f"follow_up/{row['id']}", before, after))
    await record(tx, "follow_up.open", opened)
