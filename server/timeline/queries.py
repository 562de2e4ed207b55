"""What may have happened to a task, by kind: each query gives entries with their places.

Every one of them names its order by the same columns: `at`, `order_at`, `sequence`, `place` and
`beside`; entries of one moment stand by kind first. `$1`: the account, `$2`: the task.
"""

from typing import Final, TypeAlias

from msgspec import Struct

from server.timeline.entries import (
    AnswerEntry,
    DecisionEntry,
    MailEntry,
    OpenEntry,
    TransitionEntry,
)

Shape: TypeAlias = type[TransitionEntry | DecisionEntry | MailEntry | AnswerEntry | OpenEntry]

_TRANSITIONS: Final = """
SELECT c.moment AS at, c.moment AS order_at, t.sequence, t.id AS place, t.id AS beside,
  t.id, t.state, t.technician, t.device, t.device_moment, t.received_at, t.note, t.survey, t.email,
  t.unexpected, t.survey_reason, t.by, t.settled_by AS accepted_by,
  t.moment < k.created_at AS before_task
FROM unnest($10::uuid[], $11::timestamptz[]) AS c(id, moment)
JOIN transition t ON t.account = $1 AND t.id = c.id
JOIN task k ON k.account = $1 AND k.id = $2
"""
_OPEN: Final = """
SELECT arrived_at AS at, arrived_at AS order_at, 0::bigint AS sequence, id AS place,
  id AS beside, id, CASE verdict WHEN 'refused' THEN verdict ELSE 'parked' END AS verdict,
  refusal AS reason, body ->> 'state' AS state, technician, device,
  (body ->> 'moment')::timestamptz AS moment
FROM transition WHERE account = $1 AND pushed_task = $2 AND verdict <> 'accepted'
"""
_DECISIONS: Final = """
SELECT d.decided_at AS at, c.moment AS order_at, n.sequence, n.id AS place, d.campaign AS beside,
  d.campaign, m.name AS campaign_name, d.transition, d.outcome, d.release
FROM decision d
JOIN campaign m ON m.account = d.account AND m.id = d.campaign
JOIN transition n ON n.account = d.account AND n.id = d.transition
JOIN unnest($10::uuid[], $11::timestamptz[]) AS c(id, moment) ON c.id = n.id
WHERE d.account = $1 AND d.task = $2
"""
_MAILS: Final = """
SELECT e.happened_at AS at, e.happened_at AS order_at, 0::bigint AS sequence, e.id AS place,
  e.id AS beside, e.kind AS event, i.campaign, c.name AS campaign_name, e.invitation,
  i.typed_address AS address, e.attempt, e.detail
FROM invitation i
JOIN mail_event e ON e.account = i.account AND e.invitation = i.id
JOIN campaign c ON c.account = i.account AND c.id = i.campaign
WHERE i.account = $1 AND i.task = $2
"""
_ANSWERS: Final = """
SELECT v.answered_at AS at, v.answered_at AS order_at, v.version::bigint AS sequence,
  v.invitation AS place, v.invitation AS beside, a.campaign, a.version AS campaign_version,
  v.invitation, v.version, v.body,
  v.version - 1 - lag(v.version, 1, 0) OVER (
    PARTITION BY v.invitation ORDER BY v.version) AS dropped
FROM answer a
JOIN answer_version v ON v.account = a.account AND v.invitation = a.invitation
WHERE a.account = $1 AND a.task = $2
"""
#: `$3` to `$8`: the place to go on from, all null for none; `$9`: how many at most. Who asks for
#: `counted` says in `$10` and `$11` which transitions there are, and when each of them counts.
_WINDOW: Final = """
SELECT * FROM ({entries}) AS entry
WHERE $3::timestamptz IS NULL OR (at, {rank}, order_at, sequence, place, beside)
  {beyond} ($3::timestamptz, $4::integer, $5::timestamptz, $6::bigint, $7::uuid, $8::uuid)
ORDER BY at {way}, order_at {way}, sequence {way}, place {way}, beside {way} LIMIT $9
"""


class Query(Struct, frozen=True):
    """How to read entries of `shape`: those before a place, the last first, or those after it.

    `rank`: where they stand among the kinds of one moment. `counted`: it is told when transitions
    count, which the whole history says.
    """

    shape: Shape
    rank: int
    counted: bool
    earlier: str
    later: str


def _query(shape: Shape, rank: int, entries: str) -> Query:
    return Query(
        shape,
        rank,
        "$10" in entries,
        _WINDOW.format(entries=entries, rank=rank, beyond="<", way="DESC"),
        _WINDOW.format(entries=entries, rank=rank, beyond=">", way="ASC"),
    )


#: In the order in which what happened at one moment is told.
QUERIES: Final = (
    _query(TransitionEntry, 0, _TRANSITIONS),
    _query(OpenEntry, 1, _OPEN),
    _query(DecisionEntry, 2, _DECISIONS),
    _query(MailEntry, 3, _MAILS),
    _query(AnswerEntry, 4, _ANSWERS),
)
