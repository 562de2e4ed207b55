"""The work of commands after a backup was restored, and on held mails."""

from typing import Final, Literal, TypeAlias

from mail.delivery.held import call_off, held, let_go
from server.cli.accounts import UnknownAccountError, database
from server.provisioning.provision import as_owner
from server.settings import Settings
from sync.database import Tx, run
from sync.ids import account_of
from sync.restore import declare_restored

#: What to do with held mails: nothing, send them, or drop them.
Order: TypeAlias = Literal["stay", "send", "drop"]

_ACCOUNTS: Final = "SELECT account FROM account ORDER BY account"


async def restored(settings: Settings, account: str | None) -> int:
    """Declare that the database was restored from a backup; returns the number of accounts.

    `account`: a locator, for one account only.

    :raises UnknownAccountError: there is no such account.
    """
    numbers = await _accounts(settings, account)
    async with database(settings):
        for number in numbers:
            await run(number, declare_restored)
    return len(numbers)


async def held_mails(settings: Settings, account: str | None, order: Order) -> int:
    """Apply `order` to all held mails; returns their number.

    :raises UnknownAccountError: there is no such account.
    """

    async def apply(tx: Tx) -> int:
        mails = await held(tx)
        if mails and order == "send":
            await let_go(tx, mails)
        if mails and order == "drop":
            await call_off(tx, mails)
        return len(mails)

    numbers = await _accounts(settings, account)
    async with database(settings):
        return sum([await run(number, apply) for number in numbers])


async def _accounts(settings: Settings, locator: str | None) -> list[int]:
    """All accounts, which only the owner can list, or the one with the locator."""
    async with as_owner(settings.database_url) as owner:
        found = [row["account"] for row in await owner.fetch(_ACCOUNTS)]
    if locator is None:
        return found
    named = [number for number in found if number == account_of(locator)]
    if not named:
        raise UnknownAccountError(locator)
    return named
