"""Transitions whose verdict changed later, with all columns that the device once wrote."""

from collections.abc import Iterable
from typing import Any, Final

from sync.database import Tx
from sync.feed.changes import Change, VerdictChange

#: Id and moment as the device wrote them: pushed again, the row must be the same transition.
WHOLE: Final = """
SELECT coalesce(spelling, id::text) AS id, coalesce(task, pushed_task)::text AS task,
  coalesce(state, body ->> 'state') AS state,
  coalesce(device_moment, (body ->> 'device_moment')::timestamptz) AS moment,
  coalesce(sequence, (body ->> 'sequence')::bigint) AS sequence,
  coalesce(note, body ->> 'note') AS note,
  coalesce(survey, (body ->> 'survey')::boolean) AS survey,
  coalesce(survey_reason, body ->> 'survey_reason') AS survey_reason,
  coalesce(email, body ->> 'email') AS email, verdict AS status, refusal AS reason
FROM transition WHERE account = $1 AND id = ANY($2::uuid[])
"""


async def read_changed_verdicts(tx: Tx, changes: Iterable[Change]) -> dict[str, dict[str, Any]]:
    """Return the columns of the transitions whose verdicts are in `changes`, by id."""
    ids = [change.id for change in changes if isinstance(change, VerdictChange)]
    rows = await tx.fetch(WHOLE, tx.account, ids) if ids else []
    return {row["id"]: dict(row) for row in rows}
