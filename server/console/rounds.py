"""The rounds of a task, each with its surveys and what became of them."""

from datetime import datetime
from itertools import groupby
from typing import Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from server.console.answers_shown import Rating
from server.console.consequences import foresee
from server.console.outcome import Survey, survey_of
from sync.database import Tx


class RoundSurvey(Struct, frozen=True):
    """A survey of a round; `rating`: the answer's, None without one that counts."""

    campaign: str
    survey: Survey
    rating: Rating | None


class RoundShown(Struct, frozen=True, kw_only=True):
    """A round. `opened`, `by`, `why`: of one after the first; `by`: empty for a program.

    `completed`: when its work was first finished. `reason`: why it has no survey.
    """

    number: int
    opened: datetime | None
    by: str
    why: str
    completed: datetime | None
    surveys: list[RoundSurvey]
    reason: str | None


_ROUNDS: Final = """
SELECT n.round, r.opened_at, r.reason AS why, u.name AS by, c.moment AS completed, d.outcome
FROM generate_series(1, 1 + (
  SELECT count(*) FROM task_round WHERE account = $1 AND task = $2)::integer) AS n (round)
LEFT JOIN task_round r ON r.account = $1 AND r.task = $2 AND r.round = n.round
LEFT JOIN app_user u ON u.account = $1 AND u.id = r.opened_by
LEFT JOIN completion c ON c.account = $1 AND c.task = $2 AND c.round = n.round
LEFT JOIN LATERAL (
  SELECT outcome FROM decision WHERE account = $1 AND task = $2 AND round = n.round
  ORDER BY outcome = 'not_first', decided_at DESC LIMIT 1) d ON true
ORDER BY n.round
"""

_SURVEYS: Final = """
SELECT i.round, m.name, i.id AS invitation, i.status, i.reason AS survey_reason, i.release,
  i.sent_at, NULL::text AS outcome, a.answered_at, a.not_me,
  a.lead_kind, CASE WHEN NOT a.not_me THEN a.lead_value END AS counted
FROM invitation i
JOIN campaign m ON m.account = i.account AND m.id = i.campaign
LEFT JOIN answer a ON a.account = i.account AND a.invitation = i.id
WHERE i.account = $1 AND i.task = $2
ORDER BY i.round, m.name, i.id
"""


async def read_round_results(tx: Tx, mail_from: str, task: UUID) -> list[RoundShown]:
    """The rounds of `task`, in order. `mail_from`: the sender of campaigns that name none."""
    rows = await tx.fetch(_SURVEYS, tx.account, task)
    surveys = [
        (row["round"], RoundSurvey(row["name"], found, Rating.of(row["lead_kind"], row["counted"])))
        for row in rows
        if (found := survey_of(row)) is not None
    ]
    fates = await foresee(tx, mail_from, (item.survey for _, item in surveys))
    by_round = {
        number: [
            replace(item, survey=fates.get(item.survey.invitation or task, item.survey))
            for _, item in of_round
        ]
        for number, of_round in groupby(surveys, lambda one: one[0])
    }
    return [
        RoundShown(
            number=row["round"],
            opened=row["opened_at"],
            by=row["by"] or "",
            why=row["why"] or "",
            completed=row["completed"],
            surveys=by_round.get(row["round"], []),
            reason=row["outcome"],
        )
        for row in await tx.fetch(_ROUNDS, tx.account, task)
    ]
