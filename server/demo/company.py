"""Writes who works at the demo's company, what they work with, and for whom."""

from typing import Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from mail.campaigns.definition import Definition, Trigger
from mail.campaigns.lifecycle import activate_campaign
from mail.campaigns.store import create_campaign
from server.access.sessions import register
from server.demo.clients import Client
from server.demo.fixture import DEMO, Person, Survey
from server.demo.story import Job
from sync.database import Tx
from sync.ids import new_id
from sync.records.accounts import create_account
from sync.records.customers import put_customers, put_locations
from sync.records.people import put_units, put_users, set_password
from sync.records.shapes import (
    AccountPut,
    AssignmentPut,
    CustomerPut,
    LocationPut,
    StatePut,
    TaskPut,
    TaskTypePut,
    UnitPut,
    UserPut,
)
from sync.records.task_types import put_states, put_task_types
from sync.records.tasks import put_tasks

FRENCH: Final = "fr"


class Ids(Struct, frozen=True):
    """The ids under which the fixture's keys are stored."""

    units: dict[str, UUID]
    users: dict[str, UUID]
    task_types: dict[str, UUID]


class Launched(Struct, frozen=True):
    """A campaign that was written down, as version 1."""

    id: UUID
    definition: Definition


async def write_company(tx: Tx, hashes: dict[str, str]) -> Ids:
    """The account, its tree, people, states and task types. `hashes`: passwords by address."""
    account = DEMO.account
    await create_account(
        tx, AccountPut(name=account.name, zone=account.zone, language=account.language)
    )
    ids = Ids(
        units={branch.key: new_id() for branch in DEMO.units},
        users={person.key: new_id() for person in DEMO.users},
        task_types={line.key: new_id() for line in DEMO.task_types},
    )
    await _write_units(tx, ids)
    await _write_users(tx, ids, hashes)
    await put_states(
        tx,
        [
            StatePut(code=one.code, name=one.names[FRENCH], names=one.names, kind=one.kind)
            for one in DEMO.states
        ],
    )
    await put_task_types(
        tx,
        [
            TaskTypePut(
                id=ids.task_types[line.key],
                external_id=line.key,
                name=line.names[FRENCH],
                names=line.names,
                flow=DEMO.flow,
            )
            for line in DEMO.task_types
        ],
    )
    return ids


async def _write_units(tx: Tx, ids: Ids) -> None:
    units = [
        UnitPut(
            id=ids.units[branch.key],
            external_id=branch.key,
            parent=None if branch.parent is None else ids.units[branch.parent],
            kind=branch.kind,
            name=branch.name,
        )
        for branch in DEMO.units
    ]
    await put_units(tx, units)


async def _write_users(tx: Tx, ids: Ids, hashes: dict[str, str]) -> None:
    await put_users(tx, [_user(ids, person) for person in DEMO.users])
    for person in DEMO.users:
        await set_password(tx, ids.users[person.key], hashes[person.email])
        await register(tx, ids.users[person.key], person.email)


def _user(ids: Ids, person: Person) -> UserPut:
    return UserPut(
        id=ids.users[person.key],
        external_id=person.key,
        unit=ids.units[person.unit],
        role=person.role,
        name=person.name,
        email=person.email,
        language=person.language,
    )


async def write_campaign(tx: Tx, ids: Ids, survey: Survey) -> Launched:
    """One campaign, active from now on."""
    trigger = Trigger([ids.task_types[key] for key in survey.task_types], DEMO.asking_states)
    definition = replace(survey.definition, rules=[trigger])
    made = await create_campaign(tx, survey.name, definition, external_id=survey.key)
    await activate_campaign(tx, made)
    return Launched(made, definition)


async def write_clients(tx: Tx, clients: list[Client]) -> None:
    """Customers and their places of work."""
    await put_customers(
        tx,
        [
            CustomerPut(
                id=client.id,
                external_id=client.number,
                name=client.name,
                email=client.email,
                language=client.language,
            )
            for client in clients
        ],
    )
    await put_locations(
        tx,
        [
            LocationPut(
                id=client.location,
                external_id=client.number,
                customer=client.id,
                name=client.name,
                address=client.street,
                email=client.location_email,
            )
            for client in clients
        ],
    )


async def write_tasks(tx: Tx, ids: Ids, jobs: list[Job]) -> None:
    """Tasks as they were created: assigned, and not yet begun."""
    await put_tasks(tx, [_task(ids, job) for job in jobs])


def manager_of(ids: Ids, job: Job) -> UUID:
    """Who of the office looks after the job's customer."""
    clerks = [ids.users[person.key] for person in DEMO.staff("dispatcher")]
    return clerks[job.client.id.int % len(clerks)]


def _task(ids: Ids, job: Job) -> TaskPut:
    turns = []
    if job.technician is not None:
        turns = [AssignmentPut(start=job.created, technician=ids.users[job.technician])]
    return TaskPut(
        id=job.id,
        external_id=job.number,
        type=ids.task_types[job.type],
        state=job.initial_state,
        title=job.title,
        customer=job.client.id,
        location=job.client.location,
        unit=ids.units[job.client.site],
        assignments=turns,
        priority=job.priority,
        reason=job.reason,
        channel=job.channel,
        account_manager=manager_of(ids, job),
        tags=job.tags,
        scheduled_at=job.scheduled,
        created_at=job.created,
    )
