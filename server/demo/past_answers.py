"""Writes the answers of the demo's past and the follow-ups that they lead to.

The rows are inserted directly: an answer that is submitted now would have no past.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from mail.responses.follow_ups import HANDLED, FollowUpKind, kinds_of
from mail.responses.recording import encode_body
from mail.tables import Answer, AnswerValue, AnswerVersion, FollowUp, RollupChange
from server.demo.company import Ids, manager_of
from server.demo.fixture import DEMO, Language
from server.demo.replies import Reply
from server.demo.rows import insert, queue_entry
from sync.database import Tx
from sync.ids import new_id

#: Follow-ups that are this young are still open, and how long the others took.
_BACKLOG: Final = timedelta(days=3)
_HANDLED_AFTER: Final = timedelta(hours=3)
_NOTES: Final[Mapping[Language, str]] = {
    "fr_CA": "Rappelé, excuses faites, nouvelle visite proposée.",
    "en_CA": "Called back: apologised, offered another visit.",
}


async def write_replies(tx: Tx, ids: Ids, replies: Sequence[Reply]) -> None:
    """Write the answers; the workers compute the results from them."""
    zone = ZoneInfo(DEMO.account.zone)
    await insert(Answer, (_answer(tx, ids, zone, reply) for reply in replies))
    await insert(
        AnswerValue,
        (
            {
                "account": tx.account,
                "invitation": reply.invitation.id,
                "question": key,
                **msgspec.structs.asdict(value),
            }
            for reply in replies
            for key, value in reply.body.values.items()
        ),
    )
    await insert(
        AnswerVersion,
        (
            {
                "account": tx.account,
                "invitation": reply.invitation.id,
                "version": 1,
                "body": encode_body(reply.body).decode(),
                "answered_at": reply.at,
            }
            for reply in replies
        ),
    )
    queued = ({"invitation": reply.invitation.id, **queue_entry(tx)} for reply in replies)
    await insert(RollupChange, queued)


def _answer(tx: Tx, ids: Ids, zone: ZoneInfo, reply: Reply) -> dict[str, Any]:
    invitation, task, body = reply.invitation, reply.invitation.task, reply.body
    return {
        "account": tx.account,
        "invitation": invitation.id,
        "task": task.id,
        "campaign": invitation.campaign.id,
        "version": invitation.campaign.version,
        "not_me": body.not_me,
        "call_back": body.call_back,
        "phone": body.phone or None,
        "language": body.language,
        "lead_kind": body.lead.kind,
        "lead_value": body.lead.value,
        "nps": body.nps,
        "sentiment": reply.sentiment,
        "unit": ids.units[task.customer.site],
        "technician": ids.users[invitation.step.by],
        "account_manager": manager_of(ids, task),
        "type": ids.task_types[task.type],
        "channel": task.channel,
        "day": reply.at.astimezone(zone).date(),
        "versions": 1,
        "first_answered_at": reply.at,
        "answered_at": reply.at,
    }


async def write_follow_ups(tx: Tx, ids: Ids, replies: Sequence[Reply]) -> None:
    """Write the follow-ups that the answers lead to; all but the last days' are handled."""
    await insert(
        FollowUp,
        (
            {
                "account": tx.account,
                "id": new_id(),
                "invitation": reply.invitation.id,
                "kind": kind,
                "opened_at": reply.at,
                "status": "open",
            }
            | (_handled(ids, reply, kind) if reply.at < tx.now - _BACKLOG else {})
            for reply in replies
            for kind in kinds_of(reply.body.not_me, reply.body.call_back, reply.sentiment)
        ),
    )


def _handled(ids: Ids, reply: Reply, kind: FollowUpKind) -> dict[str, Any]:
    """The columns of a follow-up that a dispatcher who speaks the customer's language closed."""
    dispatchers = list(DEMO.users_with("dispatcher"))
    by = next(
        (user for user in dispatchers if user.language == reply.body.language), dispatchers[0]
    )
    return {
        "status": "closed",
        "resolution": HANDLED,
        "closed_by": ids.users[by.key],
        "closed_at": reply.at + _HANDLED_AFTER,
        "note": _NOTES[by.language] if kind == "call_back" else None,
    }
