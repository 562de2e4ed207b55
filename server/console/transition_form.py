"""The form that progresses or corrects a task: what it offers, what was typed, what is wrong."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from server.console.state_labels import StateChip, choices
from server.http.problems import NotFoundError
from sync.database import Tx
from sync.ids import new_id
from sync.intake import Progress
from sync.validation import is_line

YES: Final = "yes"
LONGEST_NOTE: Final = 4000
LONGEST_REASON: Final = 200
#: What is typed as a moment lies in years that calendars of today know.
FIRST_YEAR: Final = 2000

_FLOW: Final = """
SELECT t.state, y.flow FROM task t
JOIN task_type y ON y.account = t.account AND y.id = t.type
WHERE t.account = $1 AND t.id = $2
"""
_MOVED: Final = """
SELECT n.state FROM transition n WHERE n.account = $1 AND n.task = $2 AND n.id = $3
"""

_read_flow: Final = msgspec.json.Decoder(dict[str, list[str]]).decode


class Typed(Struct, frozen=True, kw_only=True):
    """What was typed. `id`: made with the form, so that sending it twice is once.

    `moment`: as <input type="datetime-local"> gives it, in the account's zone; empty for now.
    """

    id: UUID
    state: str = ""
    note: str = ""
    moment: str = ""
    unasked: bool = False
    why: str = ""


class Moves(Struct, frozen=True, kw_only=True):
    """The form. `next`: states that the task type lists after the task's own; `other`: the rest.

    `wrong`: the fields to be put right, in their order on the page. `latest`: no moment may be
    later; as the field takes it.
    """

    typed: Typed
    next: list[StateChip]
    other: list[StateChip]
    latest: str
    wrong: list[str] = []


def read_typed(fields: Mapping[str, str]) -> Typed:
    """The form as it was sent; an id that is none is replaced by a fresh one."""
    try:
        key = UUID(fields.get("id", ""))
    except ValueError:
        key = new_id()
    return Typed(
        id=key,
        state=fields.get("state", ""),
        note=fields.get("note", "").replace("\r\n", "\n").strip(),
        moment=fields.get("moment", "").strip(),
        unasked=fields.get("unasked") == YES,
        why=fields.get("why", "").strip(),
    )


async def read_moves(
    tx: Tx, task: UUID, zone: str, language: str, typed: Typed | None = None, *wrong: str
) -> Moves:
    """The form for `task`, empty or as it was `typed`.

    :raises NotFoundError: this account has no such task.
    """
    row = await tx.fetchrow(_FLOW, tx.account, task)
    if row is None:
        raise NotFoundError
    listed = _read_flow(row["flow"]).get(row["state"], [])
    states = await choices(tx, language)
    return Moves(
        typed=typed or Typed(id=new_id()),
        next=sorted(
            (one for one in states if one.code in listed), key=lambda one: listed.index(one.code)
        ),
        other=[one for one in states if one.code not in listed],
        latest=tx.now.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%dT%H:%M"),
        wrong=list(wrong),
    )


def read_order(typed: Typed, zone: str, now: datetime) -> Progress | list[str]:
    """What `typed` asks for, or the fields to be put right.

    `zone`: the account's, in which the moment was typed; `now`: aware.
    """
    moment = _read_moment(typed.moment, zone)
    checks = {
        "state": 0 < len(typed.state) <= 64,
        "note": len(typed.note) <= LONGEST_NOTE,
        "why": len(typed.why) <= LONGEST_REASON and is_line(typed.why),
        "moment": not typed.moment or (moment is not None and moment <= now),
    }
    wrong = [field for field, good in checks.items() if not good]
    if wrong:
        return wrong
    return Progress(
        sent_id=str(typed.id),
        state=typed.state,
        moment=moment,
        note=typed.note or None,
        survey=not typed.unasked,
        survey_reason=(typed.why or None) if typed.unasked else None,
    )


def _read_moment(text: str, zone: str) -> datetime | None:
    try:
        local = datetime.fromisoformat(text)
    except ValueError:
        return None
    known = local.tzinfo is None and local.year >= FIRST_YEAR
    return local.replace(tzinfo=ZoneInfo(zone)) if known and local.year < 9999 else None


async def read_moved(tx: Tx, task: UUID, transition: str, language: str) -> StateChip | None:
    """The state that `transition`, an id in text, made the task enter; None where it is none."""
    try:
        code = await tx.fetchval(_MOVED, tx.account, task, UUID(transition))
    except ValueError:
        return None
    return next((one for one in await choices(tx, language) if one.code == code), None)
