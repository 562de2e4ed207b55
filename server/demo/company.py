"""Writes the records of the demo account: users, task types, customers, tasks and campaigns."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from mail.campaigns.definition import Definition, Trigger
from mail.campaigns.lifecycle import activate_campaign
from mail.campaigns.sender import SenderIdentity, write_sender
from mail.campaigns.store import create_campaign
from server.access.sessions import register
from server.demo.customers import Customer
from server.demo.fixture import DEMO, OWN_DOMAIN, Campaign
from server.demo.story import DemoTask
from server.demo.working_hours import local
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
    """The ids of what was written, by the keys of the fixture."""

    units: dict[str, UUID]
    users: dict[str, UUID]
    task_types: dict[str, UUID]


class ActiveCampaign(Struct, frozen=True):
    """A campaign that was created and activated, in version 1."""

    id: UUID
    definition: Definition


async def write_company(tx: Tx, hashes: dict[str, str]) -> Ids:
    """Write the account, its units and users. `hashes`: of the passwords, by address."""
    account = DEMO.account
    await create_account(
        tx, AccountPut(name=account.name, zone=account.zone, language=account.language)
    )
    await write_sender(
        tx,
        SenderIdentity(
            legal_name=f"{account.name} inc.",
            postal_address="410, avenue de la Cathédrale\nRimouski QC  G5L 5K9",
            phone="418 555-0140",
            domains=(OWN_DOMAIN,),
        ),
    )
    ids = Ids(
        units={unit.key: new_id() for unit in DEMO.units},
        users={user.key: new_id() for user in DEMO.users},
        task_types={task_type.key: new_id() for task_type in DEMO.task_types},
    )
    units = [
        UnitPut(
            id=ids.units[unit.key],
            external_id=unit.key,
            parent=None if unit.parent is None else ids.units[unit.parent],
            kind=unit.kind,
            name=unit.name,
        )
        for unit in DEMO.units
    ]
    await put_units(tx, units)
    await _write_users(tx, ids, hashes)
    return ids


async def _write_users(tx: Tx, ids: Ids, hashes: dict[str, str]) -> None:
    users = [
        UserPut(
            id=ids.users[user.key],
            external_id=user.key,
            unit=ids.units[user.unit],
            role=user.role,
            name=user.name,
            email=user.email,
            language=user.language,
        )
        for user in DEMO.users
    ]
    await put_users(tx, users)
    for user in DEMO.users:
        await set_password(tx, ids.users[user.key], hashes[user.email])
        await register(tx, ids.users[user.key], user.email)


async def write_task_types(tx: Tx, ids: Ids) -> None:
    """Write the states and the task types."""
    states = [
        StatePut(code=state.code, name=state.names[FRENCH], names=state.names, kind=state.kind)
        for state in DEMO.states
    ]
    await put_states(tx, states)
    task_types = [
        TaskTypePut(
            id=ids.task_types[task_type.key],
            external_id=task_type.key,
            name=task_type.names[FRENCH],
            names=task_type.names,
            flow=DEMO.flow,
        )
        for task_type in DEMO.task_types
    ]
    await put_task_types(tx, task_types)


async def write_campaign(tx: Tx, ids: Ids, campaign: Campaign) -> ActiveCampaign:
    """Create `campaign` and activate it from now on."""
    trigger = Trigger([ids.task_types[key] for key in campaign.task_types], DEMO.asking_states)
    definition = replace(campaign.definition, rules=[trigger])
    if campaign.period is not None:
        first, last = (local(tx.now - timedelta(days=ago)).date() for ago in campaign.period)
        definition = replace(definition, first_day=first, last_day=last)
    key = await create_campaign(tx, campaign.name, definition, external_id=campaign.key)
    await activate_campaign(tx, key)
    return ActiveCampaign(key, definition)


async def write_customers(tx: Tx, customers: list[Customer]) -> None:
    """Write the customers and their locations."""
    await put_customers(
        tx,
        [
            CustomerPut(
                id=customer.id,
                external_id=customer.number,
                name=customer.name,
                email=customer.email,
                phone=customer.phone,
                language=customer.language,
            )
            for customer in customers
        ],
    )
    await put_locations(
        tx,
        [
            LocationPut(
                id=customer.location,
                external_id=customer.number,
                customer=customer.id,
                name=customer.name,
                address=customer.street,
                email=customer.location_email,
            )
            for customer in customers
        ],
    )


async def write_tasks(tx: Tx, ids: Ids, tasks: list[DemoTask]) -> None:
    """Write the tasks as they were created: assigned, without transitions."""
    puts = []
    for task in tasks:
        assignments = []
        if task.technician is not None:
            technician = ids.users[task.technician]
            assignments = [AssignmentPut(start=task.created, technician=technician)]
        put = TaskPut(
            id=task.id,
            external_id=task.number,
            type=ids.task_types[task.type],
            state=task.initial_state,
            title=task.title,
            customer=task.customer.id,
            location=task.customer.location,
            unit=ids.units[task.customer.site],
            assignments=assignments,
            priority=task.priority,
            reason=task.reason,
            channel=task.channel,
            account_manager=manager_of(ids, task),
            tags=task.tags,
            scheduled_at=task.scheduled,
            created_at=task.created,
        )
        puts.append(put)
    await put_tasks(tx, puts)


def manager_of(ids: Ids, task: DemoTask) -> UUID:
    """The dispatcher who is the account manager of the task's customer."""
    dispatchers = [ids.users[user.key] for user in DEMO.users_with("dispatcher")]
    return dispatchers[task.customer.id.int % len(dispatchers)]
