"""Transitions whose verdict changed after it was told, as whole as the device once wrote them."""

from collections.abc import Iterable
from typing import Any, Final

from sync.database import Tx
from sync.feed.changes import Change, VerdictChange

#: The moment is the device's own: the same row, pushed again, must be the same transition.
WHOLE: Final = """
SELECT v.id::text, v.task::text, coalesce(t.state, v.body ->> 'state') AS state,
  coalesce(t.device_moment, (v.body ->> 'device_moment')::timestamptz) AS moment,
  coalesce(t.sequence, (v.body ->> 'sequence')::bigint) AS sequence,
  coalesce(t.note, v.body ->> 'note') AS note,
  coalesce(t.survey, (v.body ->> 'survey')::boolean) AS survey,
  coalesce(t.survey_reason, v.body ->> 'survey_reason') AS survey_reason,
  coalesce(t.email, v.body ->> 'email') AS email, v.verdict AS status, v.reason
FROM verdict v LEFT JOIN transition t ON t.account = v.account AND t.id = v.id
WHERE v.account = $1 AND v.id = ANY($2::uuid[])
"""


async def read_settled(tx: Tx, changes: Iterable[Change]) -> dict[str, dict[str, Any]]:
    """By id, the columns of the transitions on which `changes` tell a verdict."""
    ids = [change.id for change in changes if isinstance(change, VerdictChange)]
    rows = await tx.fetch(WHOLE, tx.account, ids) if ids else []
    return {row["id"]: dict(row) for row in rows}
