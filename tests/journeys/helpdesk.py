"""The help desk of the real log as an account: people, states, customers, tasks, assignments."""

from collections.abc import Iterator, Sequence
from typing import Final, TypeVar, cast
from uuid import NAMESPACE_OID, UUID, uuid5

import msgspec

from mail.campaigns.sender import SenderIdentity, write_sender
from sync.database import tx
from sync.ids import new_account_number
from sync.records.accounts import create_account
from sync.records.customers import put_customers, put_locations
from sync.records.people import put_units, put_users
from sync.records.shapes import (
    AccountPut,
    AssignmentPut,
    CustomerPut,
    External,
    LocationPut,
    StateKind,
    StatePut,
    TaskPut,
    TaskTypePut,
    UnitPut,
    UserPut,
)
from sync.records.task_types import put_states, put_task_types
from sync.records.tasks import put_tasks
from tests.journeys.reference import (
    CUSTOMERS,
    KINDS,
    Move,
    assignments,
    histories,
    person,
    person_of,
)

T = TypeVar("T")

CHUNK: Final = 500


class HelpDesk(msgspec.Struct, frozen=True):
    """The account. `technicians` and `tasks`: ids by the names that the log gives them."""

    account: int
    task_type: UUID
    technicians: dict[str, UUID]
    tasks: dict[str, UUID]


async def found(log: Sequence[Move]) -> HelpDesk:
    """Create the account and everything that must stand before its devices push."""
    account = new_account_number()
    async with tx(account) as opened:
        await create_account(opened, AccountPut(name="Help desk", zone="Europe/Rome"))
        await write_sender(
            opened, SenderIdentity("Help desk S.p.A.", "Via Roma, Torino", "555-0100")
        )
        [unit] = await put_units(opened, [UnitPut(kind="head_office", name="Sede")])
        await put_states(opened, list(_states()))
        [task_type] = await put_task_types(opened, [TaskTypePut(name="Ticket")])
    technicians = await _technicians(account, unit, log)
    await _customers(account)
    tasks = await _tasks(account, unit, task_type, technicians, log)
    return HelpDesk(account, task_type, technicians, tasks)


def transition_id(move: Move) -> UUID:
    """The id that the device gave the transition of a line."""
    return uuid5(NAMESPACE_OID, f"line {move.row}")


def chunks(items: Sequence[T], size: int = CHUNK) -> Iterator[Sequence[T]]:
    """`items` in slices of `size`."""
    return (items[start : start + size] for start in range(0, len(items), size))


def _states() -> Iterator[StatePut]:
    for code, kind in KINDS.items():
        yield StatePut(code=code, name=code, kind=cast("StateKind", kind))


async def _technicians(account: int, unit: UUID, log: Sequence[Move]) -> dict[str, UUID]:
    names = sorted({move.technician for move in log})
    people = [
        UserPut(
            unit=unit,
            role="technician",
            name=name,
            email=f"{name.lower().replace(' ', '')}@helpdesk.test",
        )
        for name in names
    ]
    async with tx(account) as opened:
        return dict(zip(names, await put_users(opened, people), strict=True))


async def _customers(account: int) -> None:
    for numbers in chunks(range(CUSTOMERS)):
        people = [person(number) for number in numbers]
        customers = [
            CustomerPut(external_id=f"C{one.number}", name=f"Cliente {one.number}", email=one.email)
            for one in people
        ]
        locations = [
            LocationPut(
                external_id=f"L{one.number}",
                customer=External(f"C{one.number}"),
                name=f"Sede {one.number}",
                address="Padova",
                email=one.location_email,
            )
            for one in people
        ]
        async with tx(account) as opened:
            await put_customers(opened, customers)
        async with tx(account) as opened:
            await put_locations(opened, locations)


async def _tasks(
    account: int,
    unit: UUID,
    task_type: UUID,
    technicians: dict[str, UUID],
    log: Sequence[Move],
) -> dict[str, UUID]:
    turns: dict[str, list[AssignmentPut]] = {}
    for (task, name), (first, last) in assignments(log).items():
        turn = AssignmentPut(technician=technicians[name], start=first, end=last)
        turns.setdefault(task, []).append(turn)
    ids: dict[str, UUID] = {}
    for part in chunks(list(histories(log).items())):
        puts = [_task(task, moves[0], unit, task_type, turns[task]) for task, moves in part]
        async with tx(account) as opened:
            made = await put_tasks(opened, puts)
        ids.update(zip((task for task, _ in part), made.ids, strict=True))
    return ids


def _task(
    task: str, first: Move, unit: UUID, task_type: UUID, turns: list[AssignmentPut]
) -> TaskPut:
    number = person_of(task).number
    return TaskPut(
        external_id=task,
        type=task_type,
        state="Insert ticket",
        title=task,
        unit=unit,
        customer=External(f"C{number}"),
        location=External(f"L{number}"),
        created_at=first.moment,
        assignments=turns,
    )
