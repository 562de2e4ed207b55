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
SELECT account, id, device, technician, task, verdict, reason, digest, body, received_at, spelling,
  settled_at, settled_by
FROM verdict
"""
_VERDICT_AFTER: Final = """
SELECT account, id, device, technician, coalesce(pushed_task, task) AS task, verdict,
  refusal AS reason, digest, body, arrived_at AS received_at, spelling, settled_at, settled_by
FROM transition
"""

_TRANSITION_BEFORE: Final = """
SELECT account, id, task, state, moment, sequence, device_moment, received_at, device, technician,
  note, survey, survey_reason, email, unexpected, by, unit, priority, reason, channel,
  account_manager, tags
FROM transition
"""
_TRANSITION_AFTER: Final = f"{_TRANSITION_BEFORE} WHERE verdict = 'accepted'"

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

_SAID_BEFORE: Final = """
SELECT account, invitation, version, rating, reasons, comment, not_me, call_back, language,
  answered_at
FROM answer_version
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

READINGS: Final = {
    "verdict": Reading(("account", "id"), _VERDICT_BEFORE, _VERDICT_AFTER),
    "campaign_version": Reading(
        ("account", "campaign", "version"), _VERSION_BEFORE, _VERSION_AFTER
    ),
    "transition": Reading(("account", "id"), _TRANSITION_BEFORE, _TRANSITION_AFTER),
    "answer": Reading(("account", "invitation"), _ANSWER_BEFORE, _ANSWER_AFTER),
    "answer_version": Reading(("account", "invitation", "version"), _SAID_BEFORE, _SAID_AFTER),
    "task_result": Reading(("account", "task"), _RESULT_BEFORE, _RESULT_AFTER),
}
