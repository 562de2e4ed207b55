"""Writes the answers of the demo's past and the follow-ups that they lead to.

The rows are inserted directly: an answer that is submitted now would have no past.
"""

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from mail.responses.answer_body import LEAD, encode_body
from mail.responses.follow_ups import kinds_of
from mail.tables import Answer, AnswerValue, AnswerVersion, FollowUp, RollupChange
from server.demo.company import Ids, manager_of
from server.demo.fixture import DEMO
from server.demo.replies import Reply
from server.demo.rows import insert, queue_entry
from sync.database import Tx
from sync.ids import new_id


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
                "question": LEAD,
                **msgspec.structs.asdict(reply.body.lead),
            }
            for reply in replies
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
        "language": body.language,
        "lead_kind": body.lead.kind,
        "lead_value": body.lead.value,
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


async def write_follow_ups(tx: Tx, replies: Sequence[Reply]) -> None:
    """Write the open follow-ups that the answers lead to."""
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
            for reply in replies
            for kind in kinds_of(reply.body, reply.sentiment)
        ),
    )
