"""What technicians do in a day without network, and what the server must make of it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias
from uuid import UUID

from sync.database import tx
from sync.ids import new_id

#: A transition as an app writes it, and the verdict it must get.
Planned: TypeAlias = tuple[dict[str, Any], list[str | None]]

TRANSITIONS: Final = 1000
STATES: Final = ("200", "300", "600", "610", "100")
ACCEPTED: Final = ["accepted", None]

VERDICTS: Final = (
    "SELECT coalesce(spelling, id::text) AS id, verdict, refusal AS reason"
    " FROM transition WHERE account = $1"
)
FACTS: Final = """
SELECT task::text, moment, sequence, id, state FROM transition
WHERE account = $1 AND verdict = 'accepted'
"""
TASKS: Final = "SELECT id::text, state FROM task WHERE account = $1"


def plan_day(
    own: Sequence[UUID], others: Sequence[UUID], count: int = TRANSITIONS
) -> list[Planned]:
    """`count` transitions on `own` tasks, with refusals, early ones and a poisoned one among them.

    Some have ids in upper case, as Swift writes them, or without hyphens.
    Two follow each other at every moment; phones that share tasks share moments too.
    """
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=3)
    return [_planned(number, start, own, others) for number in range(count)]


def _planned(number: int, start: datetime, own: Sequence[UUID], others: Sequence[UUID]) -> Planned:
    moment = start + timedelta(seconds=number // 2)
    written: dict[str, Any] = {
        "id": str(new_id()),
        "task": str(own[number * 7 % len(own)]),
        "state": STATES[number % len(STATES)],
        "moment": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "sequence": number,
        "note": f"Étape {number}" if number % 3 else None,
        "survey": True,
    }
    match number % 50:
        case 7:
            theirs = {"id": written["id"].upper(), "task": str(others[number % len(others)])}
            return {**written, **theirs}, ["refused", "no_authority"]
        case 13:
            return {**written, "state": "999"}, ["refused", "unknown_state"]
        case 19:
            return {**written, "task": str(new_id())}, ["parked", None]
        case 25 if number // 50 == 3:
            return {**written, "state": "poison \0"}, ["refused", "malformed"]
        case 31:
            return {**written, "id": written["id"].replace("-", "")}, ACCEPTED
        case _:
            return written, ACCEPTED


async def read_verdicts(account: int) -> dict[str, list[str | None]]:
    """Every verdict that the server gave, by id as it was sent."""
    async with tx(account) as opened:
        rows = await opened.fetch(VERDICTS, account)
    return {row["id"]: [row["verdict"], row["reason"]] for row in rows}


async def read_tasks(account: int) -> dict[str, str]:
    """The state of every task, as the server keeps it and as its history folds."""
    async with tx(account) as opened:
        tasks = {row["id"]: row["state"] for row in await opened.fetch(TASKS, account)}
        facts = await opened.fetch(FACTS, account)
    last: dict[str, tuple[Any, ...]] = {}
    for task, *order, state in facts:
        last[task] = max(last.get(task, (order, state)), (order, state))
    assert {task: state for task, (_, state) in last.items()}.items() <= tasks.items()
    return tasks
