"""How rows are read that do not stand where they stood: the same columns before and after.

A table that is not named here is read as it is, by the columns that it had before.
"""

from typing import Final

import msgspec


class Reading(msgspec.Struct, frozen=True):
    """Two SELECTs of the same columns, the first of which are `key`."""

    key: tuple[str, ...]
    before: str
    after: str


_VERDICT_BEFORE: Final = """
SELECT account, id, device, technician, task, verdict, reason, digest, body, received_at,
  settled_at, settled_by, NULL::text AS spelling
FROM verdict
"""
_VERDICT_AFTER: Final = """
SELECT account, id, device, technician, coalesce(pushed_task, task) AS task, verdict,
  refusal AS reason, digest, body, arrived_at AS received_at, settled_at, settled_by, spelling
FROM transition
"""

_FACT: Final = """
SELECT n.account, n.id, n.task, n.state, n.moment, n.sequence, n.device_moment, n.received_at,
  n.device, n.technician, n.note, n.survey, n.survey_reason, n.email, n.unexpected, n.by, n.unit,
  n.priority, n.reason, n.channel, n.account_manager, n.tags
"""
#: What a fact did not say of its task is what its task says.
_TRANSITION_BEFORE: Final = f"""
{_FACT}, t.type, t.customer, t.location, '{{}}'::text[] AS customer_tags
FROM transition n JOIN task t ON (t.account, t.id) = (n.account, n.task)
"""
_TRANSITION_AFTER: Final = f"""
{_FACT}, n.type, n.customer, n.location, n.customer_tags
FROM transition n WHERE n.verdict = 'accepted'
"""

_INVITATION: Final = """
SELECT i.account, i.id, i.campaign, i.version, i.task, i.round, i.transition, i.technician,
  i.reason, i.due, i.release, i.rearm_transition, i.address, i.typed_address, i.address_field,
  i.address_by_technician, i.language, i.message_id, i.sent_at, i.deadline, i.created_at,
"""
#: What had been claimed was called scheduled again when an operator let it go.
_INVITATION_BEFORE: Final = f"""
{_INVITATION} t.customer, 'task' AS kind, NULL::date AS period, false AS manual,
  CASE WHEN i.status = 'scheduled' AND i.address IS NOT NULL
  THEN CASE WHEN o.resent THEN 'uncertain' ELSE 'claimed' END ELSE i.status END AS status
FROM invitation i JOIN task t ON (t.account, t.id) = (i.account, i.task)
LEFT JOIN outbox o ON (o.account, o.invitation) = (i.account, i.id)
"""
_INVITATION_AFTER: Final = f"""
{_INVITATION} i.customer, i.kind, i.period, i.manual, i.status
FROM invitation i
"""

_VERSION_BEFORE: Final = """
SELECT account, campaign, version, definition, created_at FROM campaign_version
"""
_VERSION_AFTER: Final = """
SELECT account, campaign, version, rules || content AS definition, created_at
FROM campaign_version
"""

_ANSWER_BEFORE: Final = """
SELECT account, invitation, task, campaign, version, rating, reasons, comment, not_me, call_back,
  language, first_answered_at, answered_at
FROM answer
"""
_ANSWER_AFTER: Final = """
SELECT a.account, a.invitation, a.task, a.campaign, a.version, v.value AS rating,
  v.choices AS reasons, v.text AS comment, a.not_me, a.call_back, a.language, a.first_answered_at,
  a.answered_at
FROM answer a JOIN answer_value v USING (account, invitation)
"""

#: Of each answer the first version and the last 19 are kept.
_SAID_BEFORE: Final = """
SELECT account, invitation, version, rating, reasons, comment, not_me, call_back, language,
  answered_at
FROM (SELECT *, max(version) OVER (PARTITION BY account, invitation) AS last
  FROM answer_version) AS v
WHERE version = 1 OR version > last - 19
"""
_SAID_AFTER: Final = """
SELECT account, invitation, version, (body #>> '{values,lead,value}')::smallint AS rating,
  ARRAY(SELECT jsonb_array_elements_text(body #> '{values,lead,choices}')) AS reasons,
  body #>> '{values,lead,text}' AS comment, (body ->> 'not_me')::boolean AS not_me,
  (body ->> 'call_back')::boolean AS call_back, body ->> 'language' AS language, answered_at
FROM answer_version
"""

_RESULT_BEFORE: Final = """
SELECT account, task, answers, rating_mean, rating_last, negative, comments, call_back,
  answered_at, rolled_at
FROM task_result
"""
_RESULT_AFTER: Final = """
SELECT account, task, answers, lead_mean AS rating_mean, lead_value AS rating_last, negative,
  comments, call_back, answered_at, rolled_at
FROM task_result
"""

_MUTE_BEFORE: Final = """
SELECT account, address, campaign, invitation, confirmed, counted_from FROM mute
"""
#: The window is that of the last use, of campaigns that have one.
_MUTE_AFTER: Final = """
SELECT DISTINCT ON (u.account, c.address, u.campaign)
  u.account, c.address, u.campaign, u.invitation, u.confirmed, u.counted_from
FROM contact_use u
JOIN contact c ON (c.account, c.id) = (u.account, u.contact)
JOIN campaign k ON (k.account, k.id) = (u.account, u.campaign)
JOIN campaign_version v ON (v.account, v.campaign, v.version) = (k.account, k.id, k.version)
WHERE v.rules ->> 'mute' IS NOT NULL
ORDER BY u.account, c.address, u.campaign, u.counted_from DESC
"""

_WAITING_BEFORE: Final = """
SELECT account, task, changed_at, attempts, not_before, quarantined_at, error
FROM rollup_change
"""
_WAITING_AFTER: Final = """
SELECT account, a.task, r.changed_at, r.attempts, r.not_before, r.quarantined_at, r.error
FROM rollup_change r JOIN answer a USING (account, invitation)
"""

#: Of a survey's link is kept what is kept of the link to leave that is made of it.
_LINK_BEFORE: Final = """
SELECT account, invitation,
  CASE purpose WHEN 'survey' THEN sha256(token_hash) ELSE token_hash END AS token_hash
FROM link
"""
_LINK_AFTER: Final = "SELECT account, invitation, token_hash FROM link"

#: Of a campaign devices are told when and about which tasks it asks, too.
_TYPE_BEFORE: Final = "SELECT account, id, external_id, name, names, flow, asks FROM task_type"
_TYPE_AFTER: Final = """
SELECT account, id, external_id, name, names, flow,
  (SELECT jsonb_agg(ask - '{delay,delay_in,mute,criteria,sampled,starts_at,ends_at}'::text[]
      ORDER BY place)
    FROM jsonb_array_elements(asks) WITH ORDINALITY AS told(ask, place)) AS asks
FROM task_type
"""

READINGS: Final = {
    "verdict": Reading(("account", "id"), _VERDICT_BEFORE, _VERDICT_AFTER),
    "campaign_version": Reading(
        ("account", "campaign", "version"), _VERSION_BEFORE, _VERSION_AFTER
    ),
    "transition": Reading(("account", "id"), _TRANSITION_BEFORE, _TRANSITION_AFTER),
    "invitation": Reading(("account", "id"), _INVITATION_BEFORE, _INVITATION_AFTER),
    "answer": Reading(("account", "invitation"), _ANSWER_BEFORE, _ANSWER_AFTER),
    "answer_version": Reading(("account", "invitation", "version"), _SAID_BEFORE, _SAID_AFTER),
    "link": Reading(("account", "invitation", "token_hash"), _LINK_BEFORE, _LINK_AFTER),
    "mute": Reading(("account", "address", "campaign"), _MUTE_BEFORE, _MUTE_AFTER),
    "rollup_change": Reading(("account", "task"), _WAITING_BEFORE, _WAITING_AFTER),
    "task_type": Reading(("account", "id"), _TYPE_BEFORE, _TYPE_AFTER),
    "task_result": Reading(("account", "task"), _RESULT_BEFORE, _RESULT_AFTER),
}

_QUEUED: Final = """
SELECT account, task, attempts, quarantined_at, error,
  CASE WHEN attempts > 0 THEN changed_at END AS changed_at,
  CASE WHEN attempts > 0 THEN not_before END AS not_before
FROM task_change
"""

#: After more was done in both. A task that waits for its plan is not queued anew by what comes
#: next: it stays where it is.
READINGS_AFTERWARDS: Final = READINGS | {
    "task_change": Reading(("account", "task"), _QUEUED, _QUEUED)
}
