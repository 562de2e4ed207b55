"""Trying a campaign on one task: each decision, its recipient, and the mail; nothing is sent."""

import email
import email.policy
from collections.abc import Sequence
from contextlib import suppress
from email.message import EmailMessage
from typing import Final
from uuid import UUID

from msgspec import Struct

from mail.delivery.breakers import Route
from mail.delivery.lease import as_leased
from mail.delivery.outbox import unplanned
from mail.delivery.stages import Cleared
from mail.message.template import Origin
from mail.planning.plan import SCHEDULED
from mail.replay.addresses import People, unplanned_of
from mail.replay.as_if import AsIf, read_as_if
from mail.replay.lines import Line, Scheduled, read_histories, replayed
from mail.replay.run import with_titles
from mail.sending.session import write_letter
from rules.address import Resolved, normal_form
from rules.decide import Schedule
from rules.history import Transition, current
from rules.timing import EARLIEST, later
from sync.database import Tx
from sync.errors import MissingError
from sync.ids import new_id, parse_id
from sync.records.reading import id_of
from sync.tables.work import Task

#: Who stands in the mail of a task that has no address. No mail can go there (RFC 2606).
NOBODY: Final = "nobody@example.invalid"
#: SMTP doubles a dot at the start of a line (RFC 5321, 4.5.2).
_STUFFED, _PLAIN = b"\r\n..", b"\r\n."

_TASK: Final = "SELECT id, title, external_id FROM task WHERE account = $1 AND id = $2"


class TriedMail(Struct, frozen=True):
    """The mail about a transition, as it would be sent. `to`: None where there is no address.

    Its links lead nowhere.
    """

    transition: UUID
    to: str | None
    author: str
    subject: str
    text: str
    html: str


class Tried(Struct, frozen=True, kw_only=True):
    """What a campaign, called `name`, makes of a task. `version`: of the campaign.

    `title`, `external_id`: of the task. `lines`: one for each transition into a selected state, in
    order. `mail`: None where there is no such transition.
    """

    campaign: UUID
    name: str
    version: int
    task: UUID
    title: str
    external_id: str | None
    lines: Sequence[Line]
    mail: TriedMail | None


async def named_task(tx: Tx, text: str) -> UUID:
    """Return the task with this id, or with this number, blanks around it aside.

    :raises MissingError: the account has none.
    """
    named = text.strip()
    with suppress(ValueError):
        if await tx.fetchrow(_TASK, tx.account, parse_id(named)) is not None:
            return parse_id(named)
    return await id_of(tx, Task, named)


async def try_one(tx: Tx, origin: Origin, campaign: UUID, task: UUID) -> Tried:
    """Return what a campaign makes of a task, as if it had been active from before that began.

    What waits is foretold. Each survey is judged alone: no window and no cap holds it back.

    :raises MissingError: the account has no such campaign or task.
    :raises CampaignStatusError: the campaign is archived.
    """
    as_if = await read_as_if(tx, campaign, EARLIEST)
    found = await tx.fetchrow(_TASK, tx.account, task)
    if found is None:
        raise MissingError(task)
    histories = await read_histories(tx, as_if, [task])
    [(history, _)] = histories
    lines = replayed(as_if, histories)
    last = current(history.transitions)
    state = "" if last is None else last.state
    people = People(as_if, as_if.version())
    scheduled = [one.foretold(state) for one in lines if isinstance(one, Scheduled)]
    surveys = await people.find(tx, scheduled)
    judged = [line for survey in surveys for line in people.judge([survey])]
    judged += [one for one in lines if isinstance(one, Line)]
    judged.sort(key=lambda line: line.place)
    return Tried(
        campaign=campaign,
        name=as_if.name,
        version=as_if.rules.version,
        task=task,
        title=found["title"],
        external_id=found["external_id"],
        lines=await with_titles(tx, judged),
        mail=await _mail(tx, as_if, origin, history.transitions, judged),
    )


async def _mail(
    tx: Tx, as_if: AsIf, origin: Origin, steps: Sequence[Transition], lines: Sequence[Line]
) -> TriedMail | None:
    """Return the mail about the transition that is asked about, else about one with an address.

    Else about the last one.
    """
    if not lines:
        return None
    addressed = [one for one in lines if one.release is not None and one.address]
    asked = (one for one in addressed if one.outcome == SCHEDULED)
    line = next(asked, next(iter(addressed), lines[-1]))
    step = next(one for one in steps if one.id == line.transition)
    due = later(line.moment, as_if.rules.delay)
    item = Scheduled(line, step, Schedule(step.id, due, due, due), None)
    [candidate] = await unplanned(tx, [unplanned_of(as_if, item)])
    typed = line.address or NOBODY
    to = Resolved(typed, normal_form(typed) or NOBODY, as_if.rules.primary)
    sender = as_if.sender(origin.sender)
    version = as_if.version(sender)
    route = Route(version.domain, to.normal.rpartition("@")[2])
    [job] = await as_leased(tx, [Cleared(candidate, version, to, new_id(), route, None)])
    octets = write_letter(origin, job).replace(_STUFFED, _PLAIN)
    parsed = email.message_from_bytes(octets, policy=email.policy.default)
    return TriedMail(
        transition=line.transition,
        to=line.address,
        author=str(parsed["From"]),
        subject=str(parsed["Subject"]),
        text=_part(parsed, "plain"),
        html=_part(parsed, "html"),
    )


def _part(parsed: EmailMessage, kind: str) -> str:
    part = parsed.get_body((kind,))
    return "" if part is None else str(part.get_content())
