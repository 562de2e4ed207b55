"""What an operator does after a backup was restored, and with mails that wait for a word."""

from typing import Final, Literal, TypeAlias

from mail.delivery.held import call_off, held, let_go
from server.cli.accounts import UnknownAccountError, database
from server.provisioning.provision import as_owner
from server.settings import Settings
from sync.database import Tx, run
from sync.ids import account_of
from sync.restore import declare_restored

#: What becomes of held mails: they stay, are sent, or are not.
Word: TypeAlias = Literal["stay", "send", "drop"]

_ACCOUNTS: Final = "SELECT account FROM account ORDER BY account"


async def restored(settings: Settings, account: str | None) -> int:
    """Declare that the database came back from a backup; for how many accounts.

    `account`: a locator, for one of them only.

    :raises UnknownAccountError: there is no such account.
    """
    numbers = await _accounts(settings, account)
    async with database(settings):
        for number in numbers:
            await run(number, declare_restored)
    return len(numbers)


async def held_mails(settings: Settings, account: str | None, word: Word) -> int:
    """How many mails were held; all of them obey `word`.

    :raises UnknownAccountError: there is no such account.
    """

    async def obey(tx: Tx) -> int:
        mails = await held(tx)
        if mails and word == "send":
            await let_go(tx, mails)
        if mails and word == "drop":
            await call_off(tx, mails)
        return len(mails)

    numbers = await _accounts(settings, account)
    async with database(settings):
        return sum([await run(number, obey) for number in numbers])


async def _accounts(settings: Settings, locator: str | None) -> list[int]:
    """All accounts, or the one that is named; the owner sees them all."""
    async with as_owner(settings.database_url) as owner:
        found = [row["account"] for row in await owner.fetch(_ACCOUNTS)]
    if locator is None:
        return found
    named = [number for number in found if number == account_of(locator)]
    if not named:
        raise UnknownAccountError(locator)
    return named
