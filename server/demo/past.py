"""Writes what followed from the demo's past: decisions, mails and answers, as history.

The only place that writes such rows directly: mails of the past cannot be sent now.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from mail.contacts import keys_of
from mail.responses.answer_body import LEAD, encode_body
from mail.responses.follow_ups import kinds_of
from mail.states import TELL, Status
from mail.tables import (
    Answer,
    AnswerValue,
    AnswerVersion,
    CampaignPause,
    Contact,
    ContactUse,
    Decision,
    FollowUp,
    MailEvent,
    RollupChange,
)
from rules.campaign import Pause
from rules.timing import window_anchor
from server.demo.aftermath import Asked, Verdict
from server.demo.company import Ids, manager_of
from server.demo.fixture import DEMO
from server.demo.releases import Releases, Suppression
from server.demo.replies import Reply
from server.demo.rows import insert
from sync.database import Tx
from sync.ids import new_id
from sync.tables.work import TaskChange

_ACTIVATED: Final = (
    "UPDATE campaign SET created_at = $3, activated_at = $3 WHERE account = $1 AND id = $2"
)
_BOUNCED: Final = "550 5.1.1 no such mailbox"


async def write_campaign_past(tx: Tx, campaign: UUID, pauses: Sequence[Pause], days: int) -> None:
    """Active for `days` days already, but for `pauses`."""
    await tx.execute(_ACTIVATED, tx.account, campaign, tx.now - timedelta(days=days))
    await insert(
        CampaignPause,
        (
            {
                "account": tx.account,
                "campaign": campaign,
                "start_at": pause.start,
                "end_at": pause.end,
            }
            for pause in pauses
        ),
    )


async def write_decisions(tx: Tx, verdicts: Sequence[Verdict], asked: Sequence[Asked]) -> None:
    """What was decided on each step; what was dropped at release says why."""
    dropped = {(one.campaign.id, one.step.id): one for one in asked if one.reason is not None}
    await insert(
        Decision,
        (
            {
                "account": tx.account,
                "campaign": verdict.campaign,
                "transition": verdict.step,
                "task": verdict.job.id,
                "round": 1,
                **_outcome(verdict, dropped.get((verdict.campaign, verdict.step))),
            }
            for verdict in verdicts
        ),
    )


def _outcome(verdict: Verdict, dropped: Asked | None) -> dict[str, Any]:
    heard = next(step.received for step in verdict.job.steps if step.id == verdict.step)
    if dropped is not None and dropped.reason is not None:
        return {"outcome": dropped.reason.value, "decided_at": dropped.release}
    return {
        "outcome": verdict.outcome,
        "release": verdict.release,
        "decided_at": heard + timedelta(milliseconds=300),
    }


_TELL: Final = TELL.sql("""
INSERT INTO invitation SELECT * FROM json_populate_recordset(NULL::invitation, $1)
""")


async def write_mails(tx: Tx, ids: Ids, asked: Sequence[Asked], releases: Releases) -> None:
    """Invitations, what happened to their mails, and what is known of the addresses."""
    rows = [_invitation(tx, ids, one) for one in asked]
    await tx.execute(_TELL, msgspec.json.encode(rows).decode())
    parted = {one.invitation: one for one in releases.suppressed.values()}
    await insert(MailEvent, (event for one in asked for event in _events(tx, one, parted)))
    keys = await keys_of(tx, releases.addresses)
    contacts = {address: _contact(tx, address, key, releases) for address, key in keys.items()}
    await insert(Contact, contacts.values())
    await insert(
        ContactUse,
        (
            {
                "account": tx.account,
                "contact": contacts[one.resolved.normal]["id"],
                "invitation": one.id,
                "campaign": one.campaign.id,
                "confirmed": True,
                "counted_from": window_anchor(one.release, one.sent),
            }
            for one in asked
            if one.resolved is not None and one.sent is not None
        ),
    )


def _invitation(tx: Tx, ids: Ids, asked: Asked) -> dict[str, Any]:
    row: dict[str, Any] = {
        "account": tx.account,
        "id": asked.id,
        "campaign": asked.campaign.id,
        "version": asked.campaign.version,
        "kind": "task",
        "task": asked.job.id,
        "round": 1,
        "transition": asked.step.id,
        "technician": ids.users[asked.step.by],
        "customer": asked.job.client.id,
        "manual": False,
        "status": asked.status,
        "reason": _reason(asked),
        "due": asked.due,
        "release": asked.release,
        "address_by_technician": asked.step.email is not None,
        "created_at": asked.step.received,
    }
    if asked.rearm is not None:
        row["rearm_transition"] = asked.rearm
    return row | _sending(asked)


def _sending(asked: Asked) -> dict[str, Any]:
    """To whom it went, when, and until when answers are taken."""
    if asked.resolved is None or asked.status is Status.DROPPED:
        return {}
    row: dict[str, Any] = {
        "address": asked.resolved.normal,
        "typed_address": asked.resolved.typed,
        "address_field": asked.resolved.field.value,
        "language": asked.job.client.language,
        "message_id": f"<{asked.id}@boreal.example>",
    }
    if asked.sent is not None:
        row |= {"sent_at": asked.sent, "deadline": asked.sent + asked.campaign.deadline}
    return row


def _events(tx: Tx, asked: Asked, parted: Mapping[UUID, Suppression]) -> Iterable[dict[str, Any]]:
    """What delivery would have written of its mail, and that the customer unsubscribed by it."""
    told: list[tuple[str, datetime, int, str | None]]
    left = parted.get(asked.id)
    match asked.status:
        case Status.DROPPED:
            told = [("dropped", asked.release, 0, _reason(asked))]
        case Status.FAILED:
            told = [("failed", left.since if left else asked.release, 1, _reason(asked))]
        case _:
            told = [("sent", asked.sent or asked.release, 1, None)]
            told += [("unsubscribed", left.since, 0, None)] if left else []
    for kind, moment, attempt, detail in told:
        yield {
            "account": tx.account,
            "id": new_id(),
            "invitation": asked.id,
            "kind": kind,
            "happened_at": moment,
            "attempt": attempt,
            "detail": detail,
        }


def _reason(asked: Asked) -> str | None:
    """Why it was not sent: a code, or what the mail server said."""
    if asked.status is Status.FAILED:
        return _BOUNCED
    return None if asked.reason is None else asked.reason.value


def _contact(tx: Tx, address: str, key: bytes, releases: Releases) -> dict[str, Any]:
    found = releases.suppressed.get(address)
    return {
        "account": tx.account,
        "id": new_id(),
        "address": address,
        "address_key": key,
        "suppressed": None if found is None else found.why,
        "suppressed_at": None if found is None else found.since,
    }


async def write_replies(tx: Tx, ids: Ids, replies: Sequence[Reply]) -> None:
    """The answers; workers compute the tasks' results from them."""
    zone = ZoneInfo(DEMO.account.zone)
    await insert(Answer, (_answer(tx, ids, zone, reply) for reply in replies))
    await insert(AnswerValue, (_value(tx, reply) for reply in replies))
    await insert(AnswerVersion, (_version(tx, reply) for reply in replies))
    await insert(FollowUp, (row for reply in replies for row in _follow_ups(tx, reply)))
    queued = ({"invitation": reply.asked.id, **_waiting(tx)} for reply in replies)
    await insert(RollupChange, queued)


def _answer(tx: Tx, ids: Ids, zone: ZoneInfo, reply: Reply) -> dict[str, Any]:
    job, body = reply.asked.job, reply.body
    return {
        "account": tx.account,
        "invitation": reply.asked.id,
        "task": job.id,
        "campaign": reply.asked.campaign.id,
        "version": reply.asked.campaign.version,
        "not_me": body.not_me,
        "call_back": body.call_back,
        "language": body.language,
        "lead_kind": body.lead.kind,
        "lead_value": body.lead.value,
        "sentiment": reply.sentiment,
        "unit": ids.units[job.client.site],
        "technician": ids.users[reply.asked.step.by],
        "account_manager": manager_of(ids, job),
        "type": ids.task_types[job.type],
        "channel": job.channel,
        "day": reply.at.astimezone(zone).date(),
        "versions": 1,
        "first_answered_at": reply.at,
        "answered_at": reply.at,
    }


def _value(tx: Tx, reply: Reply) -> dict[str, Any]:
    said = msgspec.structs.asdict(reply.body.lead)
    return {"account": tx.account, "invitation": reply.asked.id, "question": LEAD, **said}


def _version(tx: Tx, reply: Reply) -> dict[str, Any]:
    return {
        "account": tx.account,
        "invitation": reply.asked.id,
        "version": 1,
        "body": encode_body(reply.body).decode(),
        "answered_at": reply.at,
    }


def _follow_ups(tx: Tx, reply: Reply) -> Iterator[dict[str, Any]]:
    for kind in kinds_of(reply.body, reply.sentiment):
        yield {
            "account": tx.account,
            "id": new_id(),
            "invitation": reply.asked.id,
            "kind": kind,
            "opened_at": reply.at,
            "status": "open",
        }


async def queue_tasks(tx: Tx, tasks: Iterable[UUID]) -> None:
    """Leave `tasks` to the workers."""
    await insert(TaskChange, ({"task": task, **_waiting(tx)} for task in tasks))


def _waiting(tx: Tx) -> dict[str, Any]:
    """An entry of a queue that is due."""
    return {"account": tx.account, "changed_at": tx.now, "attempts": 0, "not_before": tx.now}
