"""Writes what campaigns did in the demo's past: decisions, invitations and mail events.

The rows are inserted directly: mails of the past cannot be sent now.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec

from mail.campaigns.cache import read_company
from mail.campaigns.definition import to_rules
from mail.contacts import keys_of
from mail.states import TELL, Status
from mail.tables import (
    CampaignPause,
    Contact,
    ContactUse,
    Decision,
    MailEvent,
)
from rules.campaign import Campaign, Pause
from rules.campaign import Status as CampaignStatus
from rules.decide import Reason
from rules.timing import window_anchor
from server.demo.aftermath import CampaignDecision, Invitation
from server.demo.company import ActiveCampaign, Ids
from server.demo.fixture import DEMO
from server.demo.releases import Releases, Suppression
from server.demo.rows import insert, queue_entry
from sync.database import Tx
from sync.ids import new_id
from sync.tables.work import TaskChange

#: Days for which the campaigns have been active; before that, tasks were finished unasked.
ACTIVE_DAYS: Final = 84
#: Paused campaigns, by key: the start in days ago, and the days of the pause.
PAUSED: Final = {"entretien": (40, 10)}

_ACTIVATED: Final = (
    "UPDATE campaign SET created_at = $3, activated_at = $3 WHERE account = $1 AND id = $2"
)
_SOURCES: Final = {"unsubscribed": "link", "bounced": "refusal"}
_WHY_CANCELLED: Final = "La cliente a déjà répondu au téléphone"
_BOUNCED: Final = "550 5.1.1 no such mailbox"
_INVITATIONS: Final = TELL.sql("""
INSERT INTO invitation SELECT * FROM json_populate_recordset(NULL::invitation, $1)
""")


async def backdate_campaign(tx: Tx, key: str, campaign: ActiveCampaign) -> Campaign:
    """Write that the campaign has been active for ACTIVE_DAYS, with its pauses.

    `key`: of the fixture. Returns the campaign as the rules take it.
    """
    since = tx.now - timedelta(days=ACTIVE_DAYS)
    await tx.execute(_ACTIVATED, tx.account, campaign.id, since)
    pauses = []
    if key in PAUSED:
        ago, days = PAUSED[key]
        start = tx.now - timedelta(days=ago)
        pauses = [Pause(start, start + timedelta(days=days))]
    await insert(
        CampaignPause,
        (
            {
                "account": tx.account,
                "campaign": campaign.id,
                "start_at": pause.start,
                "end_at": pause.end,
            }
            for pause in pauses
        ),
    )
    status, company = CampaignStatus.ACTIVE, await read_company(tx)
    return to_rules(campaign.id, 1, campaign.definition, status, since, tuple(pauses), company)


async def write_decisions(
    tx: Tx, ids: Ids, decisions: Sequence[CampaignDecision], invitations: Sequence[Invitation]
) -> None:
    """Write the decision on each step; where an invitation was dropped, its reason."""
    drops = {(item.campaign.id, item.step.id): item for item in invitations if item.reason}
    rows = []
    for decision in decisions:
        step = next(step for step in decision.task.steps if step.id == decision.step)
        row: dict[str, Any] = {
            "account": tx.account,
            "campaign": decision.campaign,
            "transition": decision.step,
            "task": decision.task.id,
            "round": 1,
            "moment": step.moment,
            "unit": ids.units[decision.task.customer.site],
        }
        dropped = drops.get((decision.campaign, decision.step))
        if dropped is not None:
            row |= {
                "outcome": _reason(dropped),
                "decided_at": dropped.release,
                "kept_back_by": dropped.kept_back_by,
            }
        else:
            row |= {
                "outcome": decision.outcome,
                "release": decision.release,
                "decided_at": decision.at or step.received + timedelta(milliseconds=300),
            }
        rows.append(row)
    await insert(Decision, rows)


async def write_mails(
    tx: Tx, ids: Ids, invitations: Sequence[Invitation], releases: Releases
) -> None:
    """Write the invitations, the events of their mails, and the contacts of their addresses."""
    rows = [_invitation(tx, ids, invitation) for invitation in invitations]
    await tx.execute(_INVITATIONS, msgspec.json.encode(rows).decode())
    suppressions = {item.invitation: item for item in releases.suppressed.values()}
    await insert(
        MailEvent,
        (
            event
            for invitation in invitations
            for event in _events(tx, ids, invitation, suppressions)
        ),
    )
    contacts = await _write_contacts(tx, releases)
    await insert(
        ContactUse,
        (
            {
                "account": tx.account,
                "contact": contacts[invitation.resolved.normal],
                "invitation": invitation.id,
                "campaign": invitation.campaign.id,
                "customer": invitation.task.customer.id,
                "confirmed": True,
                "counted_from": window_anchor(
                    invitation.release, invitation.release, invitation.sent
                ),
            }
            for invitation in invitations
            if invitation.resolved is not None and invitation.sent is not None
        ),
    )


async def _write_contacts(tx: Tx, releases: Releases) -> dict[str, UUID]:
    """Write the contacts; their ids by address."""
    contacts: dict[str, dict[str, Any]] = {}
    for address, key in (await keys_of(tx, releases.addresses)).items():
        suppression = releases.suppressed.get(address)
        contacts[address] = {
            "account": tx.account,
            "id": new_id(),
            "address": address,
            "address_key": key,
            "suppressed": None if suppression is None else suppression.why,
            "suppressed_at": None if suppression is None else suppression.since,
            "suppressed_source": _SOURCES.get(suppression.why) if suppression else None,
        }
    await insert(Contact, contacts.values())
    return {address: row["id"] for address, row in contacts.items()}


def _invitation(tx: Tx, ids: Ids, invitation: Invitation) -> dict[str, Any]:
    row: dict[str, Any] = {
        "account": tx.account,
        "id": invitation.id,
        "campaign": invitation.campaign.id,
        "version": invitation.campaign.version,
        "kind": "task",
        "task": invitation.task.id,
        "round": 1,
        "transition": invitation.step.id,
        "technician": ids.users[invitation.step.by],
        "customer": invitation.task.customer.id,
        "manual": False,
        "limits_waived": False,
        "reminders_used": 0,
        "status": invitation.status,
        "reason": _reason(invitation),
        "due": invitation.due,
        "release": invitation.release,
        "address_by_technician": invitation.step.email is not None,
        "created_at": invitation.step.received,
    }
    if invitation.rearm is not None:
        row["rearm_transition"] = invitation.rearm
    if invitation.resolved is None or invitation.status is Status.DROPPED:
        return row
    row |= {
        "address": invitation.resolved.normal,
        "typed_address": invitation.resolved.typed,
        "address_field": invitation.resolved.field.value,
        "language": invitation.task.customer.language,
        "message_id": f"<{invitation.id}@boreal.example>",
    }
    if invitation.sent is not None:
        deadline = invitation.sent + invitation.campaign.deadline
        row |= {"sent_at": invitation.sent, "deadline": deadline}
    return row


def _events(
    tx: Tx, ids: Ids, invitation: Invitation, suppressions: Mapping[UUID, Suppression]
) -> Iterable[dict[str, Any]]:
    """The events that delivery would have written, and the customer's unsubscribing.

    `suppressions`: by the invitation that led to them.
    """
    suppression = suppressions.get(invitation.id)
    events: list[tuple[str, datetime, int, str | None]]
    clerk = None
    match invitation.status:
        case Status.DROPPED if invitation.reason is Reason.CANCELLED:
            events = [("cancelled", invitation.release, 0, _WHY_CANCELLED)]
            clerk = ids.users[DEMO.users_with("dispatcher")[0].key]
        case Status.DROPPED:
            events = [("dropped", invitation.release, 0, _reason(invitation))]
        case Status.FAILED:
            failed = suppression.since if suppression else invitation.release
            events = [("failed", failed, 1, _reason(invitation))]
        case _:
            events = [("sent", invitation.sent or invitation.release, 1, None)]
            events += [("unsubscribed", suppression.since, 0, None)] if suppression else []
    for kind, moment, attempt, detail in events:
        yield {
            "account": tx.account,
            "id": new_id(),
            "invitation": invitation.id,
            "kind": kind,
            "happened_at": moment,
            "attempt": attempt,
            "detail": detail,
            "by": clerk,
        }


def _reason(invitation: Invitation) -> str | None:
    """Why it was not sent: a code, or the mail server's reply; None if it was."""
    if invitation.status is Status.FAILED:
        return _BOUNCED
    return None if invitation.reason is None else invitation.reason.value


async def queue_tasks(tx: Tx, tasks: Iterable[UUID]) -> None:
    """Queue `tasks` for planning by the workers."""
    await insert(TaskChange, ({"task": task, **queue_entry(tx)} for task in tasks))
