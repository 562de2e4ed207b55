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

READINGS: Final = {
    "verdict": Reading(("account", "id"), _VERDICT_BEFORE, _VERDICT_AFTER),
    "campaign_version": Reading(
        ("account", "campaign", "version"), _VERSION_BEFORE, _VERSION_AFTER
    ),
    "transition": Reading(("account", "id"), _TRANSITION_BEFORE, _TRANSITION_AFTER),
}
