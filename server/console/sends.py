"""What is to be sent, as the console shows it."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from itertools import groupby
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

from msgspec import Struct

from mail.delivery.upcoming import START, Place, Send, read_send, read_upcoming
from mail.states import Phase, Purpose, Status
from rules.campaign import AddressField
from server.console.consequences import foreseen
from server.console.list_query import write_after
from server.console.outcome import Survey
from server.web.times import Clock
from sync.database import Tx
from sync.ids import new_id

SCREENFUL: Final = 50


class Row(Struct, frozen=True):
    """One survey, and what becomes of its mail."""

    send: Send
    survey: Survey


class Day(Struct, frozen=True):
    """The surveys of one day in the reader's zone, by their releases."""

    date: date
    rows: list[Row]


class SendList(Struct, frozen=True):
    """A page of what is to be sent; `more`: the URL of the next, or empty.

    `is_first`: it begins with the first of all.
    """

    days: list[Day]
    more: str
    is_first: bool


class Typed(Struct, frozen=True):
    """The values of a form. `id`: of the mail that is asked for, new with each form.

    `field`: whose address it goes to; None for the campaign's first usable one.
    """

    id: UUID
    why: str = ""
    field: AddressField | None = None


def read_typed(fields: Mapping[str, str]) -> Typed:
    """The values of a form that was sent; what cannot be read is as in a new one."""
    key, field = new_id(), None
    with suppress(ValueError):
        key = UUID(fields.get("id", ""))
    with suppress(ValueError):
        field = AddressField(fields.get("field", ""))
    return Typed(key, fields.get("why", "").strip(), field)


async def read_sends(tx: Tx, mail_from: str, clock: Clock, after: Place) -> SendList:
    """The page of what is to be sent `after` a place."""
    found = await read_upcoming(tx, mail_from, after, SCREENFUL + 1)
    rows = [Row(send, survey_shown(tx, send)) for send in found[:SCREENFUL]]
    days = groupby(rows, lambda row: clock.local(row.send.release).date())
    more = ""
    if len(found) > SCREENFUL:
        last = rows[-1].send
        more = "/sends?" + urlencode({"after": write_after(last.release, last.invitation)})
    return SendList([Day(day, list(of_day)) for day, of_day in days], more, after == START)


def survey_shown(tx: Tx, send: Send) -> Survey:
    """The status of a survey; of one whose mail waits, what becomes of that."""
    key = send.invitation
    if send.phase is not Phase.WAITING:
        code = Status.HELD if send.phase is Phase.HELD else send.status
        at = send.sent_at if code is Status.SENT else None
        return Survey(code, at, reason=send.reason, invitation=key)
    is_new = send.status is Status.SCHEDULED or send.purpose is Purpose.REMINDER
    code = Status.SCHEDULED if is_new else Status.CLAIMED
    waiting = Survey(code, send.release, invitation=key)
    return waiting if send.fate is None else foreseen(tx, waiting, send.fate)


async def read_reminder(tx: Tx, mail_from: str, survey: Survey | None) -> Survey | None:
    """What becomes of the reminder of a `survey` that was sent; None where none waits."""
    if survey is None or survey.code != Status.SENT or survey.invitation is None:
        return None
    send = await read_send(tx, mail_from, survey.invitation)
    if send is None or send.purpose is not Purpose.REMINDER:
        return None
    shown = survey_shown(tx, send)
    return Survey(Status.CLAIMED) if shown.code == Status.SENT else shown
