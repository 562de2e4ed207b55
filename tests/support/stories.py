"""An account with something to show on every page: tasks, campaigns, surveys in each condition."""

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar
from uuid import UUID

from msgspec import Struct

from mail.campaigns.definition import Definition, Trigger
from mail.campaigns.lifecycle import activate_campaign
from mail.campaigns.questions import Question, ReasonChoice
from mail.campaigns.store import create_campaign
from mail.campaigns.texts import Message
from rules.campaign import AddressField
from server.access.passwords import hash_password
from server.access.sessions import register
from sync.database import DB, Tx, tx
from sync.ids import new_id
from sync.records.people import set_password
from sync.tokens import digest, mint, write
from tests.support.coroutines import apart
from tests.support.databases import TestDatabase
from tests.support.images import plant
from tests.support.state_guard import staged
from tests.support.world import World

T = TypeVar("T")

EMAIL: Final = "diane@example.org"
PASSWORD: Final = "un mot de passe assez long"
_HASH: Final = hash_password(PASSWORD)
CUSTOMER: Final = "client@example.net"


class Story(Struct, frozen=True):
    """The account and what was told of it.

    `survey`, `unsubscribe`: tokens of the mail sent for `task`.
    """

    account: int
    campaign: UUID
    task: UUID
    waiting: UUID
    survey: str
    unsubscribe: str
    invitation: UUID
    transition: UUID


def aside(database: TestDatabase, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """`work` with the API's rights."""

    async def run() -> T:
        await DB.open(database.api)
        try:
            return await work()
        finally:
            await DB.close()

    return apart(run())


def on(database: TestDatabase, account: int, work: Callable[[Tx], Awaitable[T]]) -> T:
    """`work` in a transaction of `account`."""

    async def run() -> T:
        async with tx(account) as opened:
            return await work(opened)

    return aside(database, run)


def tell(
    database: TestDatabase,
    *,
    login: bool = True,
    asks: Mapping[str, Any] | None = None,
    images: Mapping[UUID, bytes] | None = None,
    **fields: object,
) -> Story:
    """Make the account.

    `login`: its dispatcher may sign in. `asks`: fields of its campaign that are others than usual.
    `images`: SVGs that it shows, by ids. `fields`: of the customer.
    """

    async def run() -> Story:
        world = await World.create()
        if login:
            await _open_the_door(world)
        async with tx(world.account) as opened:
            for key, file in (images or {}).items():
                await plant(opened, key, file, "image/svg+xml")
        return await _tell(world, asks or {}, fields)

    return aside(database, run)


def definition(world: World, **rest: Any) -> Definition:
    """Twelve hours, seven days, the customer's address first: ProgressionLIVE's own example.

    `rest`: other fields, or others than these.
    """
    usual: dict[str, Any] = {
        "rules": [Trigger([world.service_call, world.installation], ["600", "610"])],
        "question": Question(
            {"fr": "Comment s\u2019est passée la visite ?", "en": "How did the visit go?"},
            {"fr": "Très mal", "en": "Very badly"},
            {"fr": "Très bien", "en": "Very well"},
        ),
        "message": Message(
            sender_name="Plomberie Exemple",
            subject={"fr": "Votre avis?", "en": "Your view?"},
            title={"fr": "Votre avis", "en": "Your view"},
            body={"fr": "Merci de nous avoir accueillis.", "en": "Thank you for having us."},
            reply_to="bureau@example.org",
        ),
        "delay": "00:12:00",
        "mute": "07:00:00",
        "primary": AddressField.CUSTOMER,
        "secondary": AddressField.LOCATION,
        "reasons": [
            ReasonChoice("late", {"fr": "En retard", "en": "Late"}),
            ReasonChoice("not_fixed", {"fr": "Pas réparé", "en": "Not fixed"}),
        ],
        "information": {"fr": "Gardé deux ans.", "en": "Kept for two years."},
        "privacy_url": "https://example.org/vie-privee",
    }
    return Definition(**(usual | rest))


def found(database: TestDatabase) -> None:
    """Make an account where nothing has happened yet."""

    async def run() -> None:
        await _open_the_door(await World.create())

    aside(database, run)


async def _open_the_door(world: World) -> None:
    async with tx(world.account) as opened:
        await set_password(opened, world.dispatcher, _HASH)
        await register(opened, world.dispatcher, EMAIL)


async def _tell(world: World, asks: Mapping[str, Any], fields: dict[str, object]) -> Story:
    async with tx(world.account) as opened:
        asking = definition(world, **asks)
        campaign = await create_campaign(opened, "Satisfaction", asking)
        await activate_campaign(opened, campaign)
    customer = await world.customer(**{"name": "Marie Tremblay", "email": CUSTOMER, **fields})
    place = await world.location()
    task = await world.task(
        customer=customer, location=place, title="Fuite sous l\u2019évier", external_id="T-1042"
    )
    waiting = await world.task(customer=customer, title="Chauffe-eau")
    await _finish(world, task, waiting)
    return await _sent(world, campaign, task, waiting)


async def _finish(world: World, task: UUID, waiting: UUID) -> None:
    """Alice does both; then 610 follows 600, and Carol, whose task it was not, pushes too."""
    device = await world.device(world.alice)
    async with tx(world.account) as opened:
        now = opened.now
    for state, minutes in (("300", 90), ("600", 60), ("610", 30)):
        await world.push(device, world.item(task, state, now - timedelta(minutes=minutes)))
    await world.push(device, world.item(waiting, "600", now - timedelta(minutes=20)))
    other = await world.device(world.carol)
    await world.push(other, world.item(task, "700", now - timedelta(minutes=10)))


_DECIDE: Final = """
INSERT INTO decision (account, campaign, transition, task, round, outcome, release, decided_at)
VALUES ($1, $2, $3, $4, 1, $5, $6, $7)
"""
_INVITE: Final = """
INSERT INTO invitation (account, id, campaign, version, kind, task, round, transition, technician,
  customer, manual, status, due, release, address, typed_address, address_field,
  address_by_technician, language, sent_at, deadline, created_at)
SELECT $1, $2, $3, 1, 'task', $4, 1, n.id, n.technician, n.customer, false, $6, $7, $7,
  $8, $8, 'customer', false, 'fr_CA', $9, $9::timestamptz + interval '28 days', $7
FROM transition n WHERE n.account = $1 AND n.id = $5
"""
_LINK: Final = "INSERT INTO link (account, token_hash, invitation) VALUES ($1, $2, $3)"
_EVENT: Final = """
INSERT INTO mail_event (account, id, invitation, kind, happened_at, attempt, detail)
VALUES ($1, $2, $3, $4, $5, 1, $6)
"""


async def _sent(world: World, campaign: UUID, task: UUID, waiting: UUID) -> Story:
    """What planning and delivering would have written: one survey sent, one scheduled."""
    account = world.account
    async with tx(account) as opened:
        now = opened.now
        first, second = (
            await _transition(opened, task, "600"),
            await _transition(opened, task, "610"),
        )
        third = await _transition(opened, waiting, "600")
        release = now + timedelta(hours=11)
        for transition, of, outcome, due in (
            (first, task, "scheduled", now),
            (second, task, "not_first", None),
            (third, waiting, "scheduled", release),
        ):
            await opened.execute(_DECIDE, account, campaign, transition, of, outcome, due, now)
        invitation = await invite(opened, campaign, task, first, "sent", now)
        await invite(opened, campaign, waiting, third, "scheduled", release)
        await opened.execute(_EVENT, account, new_id(), invitation, "sent", now, None)
        await opened.execute("DELETE FROM task_change WHERE account = $1", account)
        survey, unsubscribe = await links(opened, invitation)
    return Story(account, campaign, task, waiting, survey, unsubscribe, invitation, first)


async def _transition(tx: Tx, task: UUID, state: str) -> UUID:
    found = await tx.fetchval(
        "SELECT id FROM transition WHERE task = $1 AND state = $2", task, state
    )
    assert isinstance(found, UUID)
    return found


async def invite(
    tx: Tx, campaign: UUID, task: UUID, transition: UUID, status: str, moment: datetime
) -> UUID:
    """An invitation in `status`; sent at `moment`, or to be released then."""
    invitation = new_id()
    sent = moment if status == "sent" else None
    await staged(tx)
    await tx.execute(
        _INVITE, tx.account, invitation, campaign, task, transition, status, moment, CUSTOMER, sent
    )
    return invitation


async def links(tx: Tx, invitation: UUID) -> tuple[str, str]:
    """The tokens of the links in the invitation's mail: to the survey, and to leave."""
    secret = mint()
    leaving = digest(secret)
    await tx.execute(_LINK, tx.account, digest(leaving), invitation)
    return write(tx.account, secret), write(tx.account, leaving)
