"""Units and users."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final
from uuid import UUID

from sync.audit import AuditChange, record
from sync.database import Tx
from sync.errors import FieldError, MissingError, TakenError
from sync.feed.listened_positions import bump_position
from sync.feed.membership import update_pool_memberships
from sync.records.checks import Check, checked_all, name, normal_address
from sync.records.shapes import UnitPut, UnitRecord, UserPut, UserRecord
from sync.records.storing import Change, Store, resolve
from sync.tables.people import Unit, User

UNIT_CHECKS: Final[dict[str, Check]] = {"name": name, "external_id": name}
USER_CHECKS: Final[dict[str, Check]] = {
    "name": name,
    "external_id": name,
    "email": normal_address,
}

UNITS: Final = Store("unit", Unit, UnitRecord, {"parent": None})
USERS: Final = Store(
    "user", User, UserRecord, {"language": "fr_CA", "active": True}, unique=("email",)
)

BELOW_ITSELF: Final = """
WITH RECURSIVE above AS (
  SELECT parent FROM unit WHERE account = $1 AND id = $2
  UNION
  SELECT unit.parent FROM above JOIN unit ON unit.account = $1 AND unit.id = above.parent
)
SELECT EXISTS (SELECT FROM above WHERE parent = $2)
"""

#: Serialises changes of the tree, whose rules concern several rows.
LOCK_TREE: Final = "SELECT FROM account WHERE account = $1 FOR NO KEY UPDATE"
OTHER_HEAD: Final = """
SELECT EXISTS (SELECT FROM unit WHERE account = $1 AND id <> $2 AND kind = 'head_office')
"""


async def put_units(
    tx: Tx, items: Sequence[UnitPut], beside: Callable[[], Awaitable[None]] | None = None
) -> list[UUID]:
    """Create or update units, in order, and return their ids; a parent precedes its children.

    `beside`: writes what depends on the tree; it is called before the feed's counter is locked.

    :raises FieldError: a value is invalid, or a unit would be below itself.
    :raises TakenError: a second head office.
    """
    await tx.execute(LOCK_TREE, tx.account)
    changes: list[Change[UnitRecord]] = []
    for item, draft in enumerate(checked_all(items, UNIT_CHECKS)):
        try:
            await resolve(tx, Unit, [draft], "parent")
            [change] = await UNITS.put(tx, [draft])
        except FieldError as error:
            raise error.of(item, draft.get("external_id")) from None
        if await tx.fetchval(BELOW_ITSELF, tx.account, change.after.id):
            below_itself = FieldError("parent", "a unit cannot stand below itself")
            raise below_itself.of(item, draft.get("external_id"))
        if change.after.kind == "head_office" and await tx.fetchval(
            OTHER_HEAD, tx.account, change.after.id
        ):
            taken = TakenError("kind", "the account has a head office already")
            raise taken.of(item, draft.get("external_id"))
        changes.append(change)
    if beside is not None:
        await beside()
    if any(change.before and change.before.parent != change.after.parent for change in changes):
        await update_pool_memberships(tx)
    return [change.after.id for change in changes]


async def put_users(
    tx: Tx, items: Sequence[UserPut], beside: Callable[[list[UUID]], Awaitable[None]] | None = None
) -> list[UUID]:
    """Create or update users and return their ids. Addresses are stored in their normal form.

    `beside`: writes other rows about the users with these ids; it is called before the feed's
    counter is locked.

    :raises FieldError: a value is invalid.
    :raises TakenError: another user has the address.
    """
    drafts = checked_all(items, USER_CHECKS)
    await resolve(tx, Unit, drafts, "unit")
    changes = await USERS.put(tx, drafts)
    ids = [change.after.id for change in changes]
    if beside is not None:
        await beside(ids)
    if any(_reach(change.before) != _reach(change.after) for change in changes):
        await update_pool_memberships(tx)
        await bump_position(tx)  # wakes the live streams, so that those of former technicians end
    return ids


async def set_password(tx: Tx, user: UUID, password_hash: str) -> None:
    """Store the hash of a user's password.

    :raises MissingError: the account has no such user.
    """
    changed = await (
        User.update({User.password_hash: password_hash})
        .where((User.account == tx.account) & (User.id == user))
        .returning(User.id)
    )
    if not changed:
        raise MissingError("no such user")
    await record(tx, "password.write", [AuditChange(f"user/{user}")])


def _reach(user: UserRecord | None) -> UUID | None:
    """Return the unit in whose pools a user works; None for one who is no active technician."""
    if user is None or not user.active or user.role != "technician":
        return None
    return user.unit
