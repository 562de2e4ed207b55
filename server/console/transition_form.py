"""The form that progresses or corrects a task: its choices, its values and its errors."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from server.console.state_labels import StateChip, read_states
from server.http.problems import NotFoundError
from sync.database import Tx
from sync.ids import new_id
from sync.intake import Progress
from sync.validation import is_line, is_visible

YES: Final = "yes"
MAX_NOTE: Final = 4000
MAX_REASON: Final = 200
#: A moment in an earlier year is a typing error.
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
    """The values of the form. `id`: of the transition, new with each form.

    `moment`: the value of <input type="datetime-local">, in the account's zone; empty for now.
    `unasked`: no survey; `why`: the reason for that, which it does not go without, as in the app.
    """

    id: UUID
    state: str = ""
    note: str = ""
    moment: str = ""
    unasked: bool = False
    why: str = ""


class Moves(Struct, frozen=True, kw_only=True):
    """The form. `next`: the states that usually follow the task's own; `other`: the rest.

    `wrong`: the fields with errors, in their order on the page. `latest`: the value of the
    field's `max` attribute, now. `is_filled`: it was sent before and not recorded.
    """

    typed: Typed
    next: list[StateChip]
    other: list[StateChip]
    latest: str
    wrong: list[str] = []
    is_filled: bool = False


class Moved(Struct, frozen=True):
    """A step that was just recorded, and the state it leads to."""

    id: UUID
    state: StateChip


def is_reason(text: str) -> bool:
    """Whether `text` is a reason in one line that says something and is not too long."""
    return is_visible(text) and is_line(text) and len(text) <= MAX_REASON


def read_typed(fields: Mapping[str, str]) -> Typed:
    """The values of the form that was sent; an invalid id is replaced by a new one."""
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
    """The form for `task`, empty or with the values `typed` and the fields `wrong` marked.

    :raises NotFoundError: this account has no such task.
    """
    row = await tx.fetchrow(_FLOW, tx.account, task)
    if row is None:
        raise NotFoundError
    usual = _read_flow(row["flow"]).get(row["state"], [])
    states = await read_states(tx, language)
    return Moves(
        typed=typed or Typed(id=new_id()),
        next=sorted(
            (state for state in states if state.code in usual),
            key=lambda state: usual.index(state.code),
        ),
        other=[state for state in states if state.code not in usual],
        latest=tx.now.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%dT%H:%M"),
        wrong=list(wrong),
        is_filled=typed is not None,
    )


def read_order(typed: Typed, zone: str, now: datetime) -> Progress | list[str]:
    """The transition to record, or the fields with errors.

    `zone`: the account's, in which the moment was typed; `now`: aware.
    """
    moment = _read_moment(typed.moment, zone)
    valid = {
        "state": 0 < len(typed.state) <= 64,
        "note": len(typed.note) <= MAX_NOTE,
        "why": is_reason(typed.why) or not (typed.why or typed.unasked),
        "moment": not typed.moment or (moment is not None and moment <= now),
    }
    wrong = [field for field, is_valid in valid.items() if not is_valid]
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
    if local.tzinfo is not None or not FIRST_YEAR <= local.year < 9999:
        return None
    return local.replace(tzinfo=ZoneInfo(zone))


async def read_moved(tx: Tx, task: UUID, transition: str, language: str) -> Moved | None:
    """The step `transition`, an id as text, of the task; None where there is none."""
    try:
        key = UUID(transition)
    except ValueError:
        return None
    code = await tx.fetchval(_MOVED, tx.account, task, key)
    state = next((state for state in await read_states(tx, language) if state.code == code), None)
    return None if state is None else Moved(key, state)
