"""The queries of a timeline: one for each kind of entry.

All give the columns that order entries: `at`, `order_at`, `sequence` and two ids as tie-breaks.
Entries with the same `at` are ordered by kind first. `$1`: the account, `$2`: the task.
"""

from typing import Final, TypeAlias

from msgspec import Struct

from server.timeline.entries import (
    AnswerEntry,
    DecisionEntry,
    Entry,
    MailEntry,
    OpenEntry,
    RoundEntry,
    TransitionEntry,
)

Shape: TypeAlias = type[Entry]

_TRANSITIONS: Final = """
SELECT c.moment AS at, c.moment AS order_at, t.sequence, t.id AS tie_break,
  t.id AS tie_break_2, t.id, t.state, t.technician, t.device, t.device_moment, t.received_at,
  t.arrived_at, t.note, t.survey, t.email, t.unexpected, t.survey_reason, t.by,
  t.settled_by AS accepted_by, t.moment < k.created_at AS before_task
FROM unnest($10::uuid[], $11::timestamptz[]) AS c(id, moment)
JOIN transition t ON t.account = $1 AND t.id = c.id
JOIN task k ON k.account = $1 AND k.id = $2
"""
_OPEN: Final = """
SELECT arrived_at AS at, arrived_at AS order_at, 0::bigint AS sequence, id AS tie_break,
  id AS tie_break_2, id, CASE verdict WHEN 'refused' THEN verdict ELSE 'parked' END AS verdict,
  refusal AS reason, body ->> 'state' AS state, technician, device,
  (body ->> 'moment')::timestamptz AS moment, dismissed_at, dismissed_by, dismissed_reason
FROM transition WHERE account = $1 AND pushed_task = $2 AND verdict <> 'accepted'
"""
_ROUNDS: Final = """
SELECT opened_at AS at, opened_at AS order_at, 0::bigint AS sequence, task AS tie_break,
  task AS tie_break_2, round, opened_by AS by, reason
FROM task_round WHERE account = $1 AND task = $2
"""
_DECISIONS: Final = """
SELECT d.decided_at AS at, c.moment AS order_at, n.sequence, n.id AS tie_break,
  d.campaign AS tie_break_2, d.campaign, m.name AS campaign_name, d.transition, d.round,
  d.outcome, d.release, CASE WHEN d.outcome = 'suppressed' THEN d.detail END AS choice,
  d.requested_by, d.request_reason,
  k.id AS kept_back_by, k.task AS kept_back_by_task, b.title AS kept_back_by_title,
  k.sent_at AS kept_back_by_sent_at
FROM decision d
JOIN campaign m ON m.account = d.account AND m.id = d.campaign
JOIN transition n ON n.account = d.account AND n.id = d.transition
JOIN unnest($10::uuid[], $11::timestamptz[]) AS c(id, moment) ON c.id = n.id
LEFT JOIN LATERAL (
  SELECT id, task, sent_at FROM invitation
  WHERE account = $1 AND id = d.kept_back_by AND d.outcome IN ('muted', 'capped') LIMIT 1) k ON true
LEFT JOIN LATERAL (SELECT title FROM task WHERE account = $1 AND id = k.task LIMIT 1) b ON true
WHERE d.account = $1 AND d.task = $2
"""
#: That a survey was dropped is told once, by the decision, which says why and on which step.
_MAILS: Final = """
SELECT e.happened_at AS at, e.happened_at AS order_at, 0::bigint AS sequence, e.id AS tie_break,
  e.id AS tie_break_2, e.kind AS event, i.campaign, c.name AS campaign_name, e.invitation,
  coalesce(e.address, i.typed_address) AS address, e.attempt, e.detail, e.by
FROM invitation i
JOIN mail_event e ON e.account = i.account AND e.invitation = i.id
JOIN campaign c ON c.account = i.account AND c.id = i.campaign
WHERE i.account = $1 AND i.task = $2 AND NOT (e.kind = 'dropped' AND EXISTS (
  SELECT FROM decision d
  WHERE d.account = $1 AND d.task = $2 AND d.campaign = i.campaign
    AND d.outcome = e.detail AND d.decided_at = e.happened_at))
"""
_ANSWERS: Final = """
SELECT v.answered_at AS at, v.answered_at AS order_at, v.version::bigint AS sequence,
  v.invitation AS tie_break, v.invitation AS tie_break_2, a.campaign, a.version AS campaign_version,
  v.invitation, v.version, v.body,
  v.version - 1 - lag(v.version, 1, 0) OVER (
    PARTITION BY v.invitation ORDER BY v.version) AS dropped
FROM answer a
JOIN answer_version v ON v.account = a.account AND v.invitation = a.invitation
WHERE a.account = $1 AND a.task = $2
"""
#: `$3` to `$8`: the place to continue from, all null for none; `$9`: the limit. Queries with
#: `counted` take in `$10` and `$11` the ids of the task's transitions and their moments.
_WINDOW: Final = """
SELECT * FROM ({entries}) AS entry
WHERE $3::timestamptz IS NULL OR (at, {rank}, order_at, sequence, tie_break, tie_break_2)
  {beyond} ($3::timestamptz, $4::integer, $5::timestamptz, $6::bigint, $7::uuid, $8::uuid)
ORDER BY at {way}, order_at {way}, sequence {way}, tie_break {way}, tie_break_2 {way} LIMIT $9
"""


class Query(Struct, frozen=True):
    """The SQL for entries of `shape`: `earlier` than a place, the last first, or `later` than it.

    `rank`: the order of the kinds among entries with the same `at`. `counted`: the SQL takes the
    task's transitions with the moments at which they count, which depend on the whole history.
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


#: In the order of entries with the same `at`.
QUERIES: Final = (
    _query(TransitionEntry, 0, _TRANSITIONS),
    _query(OpenEntry, 1, _OPEN),
    _query(RoundEntry, 2, _ROUNDS),
    _query(DecisionEntry, 3, _DECISIONS),
    _query(MailEntry, 4, _MAILS),
    _query(AnswerEntry, 5, _ANSWERS),
)
