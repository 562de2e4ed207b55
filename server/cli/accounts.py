"""The work of commands that make accounts, enrolment codes and API tokens.

Each connects with the API's rights, to a database that was migrated before.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec import Struct

from rules.address import normal_form
from server.access import api_tokens
from server.access.api_tokens import IssuedToken, TokenOrder, TokenRecord
from server.access.common_passwords import is_guessable
from server.access.passwords import hash_password_aside
from server.access.security_log import TERMINAL, note
from server.access.sessions import register
from server.http.problems import GuessableError
from server.provisioning.roles import running_dsn
from server.settings import Settings
from sync.database import DB, tx
from sync.enrolment import issue_code
from sync.ids import account_of, locator, new_account_number
from sync.records.accounts import create_account
from sync.records.people import put_units, put_users, set_password
from sync.records.shapes import AccountPut, Language, UnitPut, UserPut
from sync.tables.schema import API_ROLE

_KNOWN_BY: Final = "SELECT account, app_user FROM login WHERE address = $1 ORDER BY account"
_IS_MOVED: Final = "SELECT count(*) FROM test_clock"
_ACCOUNTS: Final = "SELECT DISTINCT account FROM login ORDER BY account"


class UnknownPersonError(LookupError):
    """No user of any account has the address."""


class UnknownAccountError(LookupError):
    """There is no such account, or no account at all."""


class AmbiguousError(LookupError):
    """Several accounts are possible; the text lists their locators."""


class MovedClockError(RuntimeError):
    """The database is a demonstration whose clock was moved; it can have no other account."""


class Founder(Struct, frozen=True):
    """The first administrator of a new account."""

    name: str
    email: str
    password: str
    language: Language


@asynccontextmanager
async def database(settings: Settings) -> AsyncIterator[None]:
    """Open the database of `settings` with the API's rights."""
    await DB.open(running_dsn(settings.database_url, settings.secret, API_ROLE), size=1)
    try:
        yield
    finally:
        await DB.close()


async def enrolment_code(settings: Settings, email: str, account: str | None) -> str:
    """A new enrolment code for the technician with this address.

    `account`: a locator, where several accounts have users with the address.

    :raises UnknownPersonError: no user has it.
    :raises UnknownAccountError: no user of `account` has it.
    :raises AmbiguousError: users of several accounts have it, and `account` is None.
    :raises MissingError: its user is no active technician.
    """
    async with database(settings):
        async with tx() as opened:
            rows = await opened.fetch(_KNOWN_BY, normal_form(email))
        found: dict[int, UUID] = {row["account"]: row["app_user"] for row in rows}
        if not found:
            raise UnknownPersonError(email)
        number = _chosen(list(found), account)
        async with tx(number, TERMINAL) as opened:
            code = await issue_code(opened, found[number])
    note("code_issued", number, TERMINAL, user=found[number], by=TERMINAL)
    return code


async def new_token(settings: Settings, order: TokenOrder, account: str | None) -> IssuedToken:
    """A new API token, which acts as an administrator; it is shown only now.

    :raises UnknownAccountError: there is no such account.
    :raises AmbiguousError: there are several, and `account` is None.
    """
    async with database(settings):
        number = await account_number(account)
        async with tx(number, TERMINAL) as opened:
            issued = await api_tokens.issue(opened, order, by=None)
    ends = issued.expires_at
    note("token_made", number, TERMINAL, token=issued.id, by=TERMINAL, expires_at=ends)
    return issued


async def all_tokens(settings: Settings, account: str | None) -> tuple[list[TokenRecord], datetime]:
    """The API tokens of an account, without their secrets, and the time.

    :raises UnknownAccountError, AmbiguousError: as `new_token`.
    """
    async with database(settings), tx(await account_number(account)) as opened:
        return await api_tokens.list_tokens(opened), opened.now


async def account_number(locator: str | None) -> int:
    """The account with this locator, or the only one.

    :raises UnknownAccountError, AmbiguousError: as `new_token`.
    """
    async with tx() as opened:
        rows = await opened.fetch(_ACCOUNTS)
    return _chosen([row["account"] for row in rows], locator)


async def new_account(settings: Settings, account: AccountPut, founder: Founder) -> str:
    """Create an account with its head office and first administrator; returns its locator.

    :raises FieldError: a name, zone or address cannot be stored, or the password is guessable.
    :raises MovedClockError: the clock of the database was moved.
    """
    if is_guessable(founder.password, (founder.name, founder.email, account.name)):
        raise GuessableError("password")
    number = new_account_number()
    stored = await hash_password_aside(founder.password)
    async with database(settings), tx(number, TERMINAL) as opened:
        await create_account(opened, account)
        if await opened.fetchval(_IS_MOVED) and not settings.testing:
            raise MovedClockError
        [office] = await put_units(opened, [UnitPut(kind="head_office", name=account.name)])
        user = UserPut(
            unit=office,
            role="administrator",
            name=founder.name,
            email=founder.email,
            language=founder.language,
        )
        [administrator] = await put_users(opened, [user])
        await set_password(opened, administrator, stored)
        await register(opened, administrator, founder.email)
    note("account_created", number, TERMINAL, user=administrator, by=TERMINAL)
    return locator(number)


def _chosen(accounts: list[int], wanted: str | None) -> int:
    """The account with the locator `wanted`, or the only one.

    :raises UnknownAccountError, AmbiguousError: as `new_token`.
    """
    if wanted is not None:
        number = account_of(wanted)
        if number not in accounts:
            raise UnknownAccountError(wanted)
        return number
    if not accounts:
        raise UnknownAccountError
    if len(accounts) > 1:
        raise AmbiguousError(", ".join(map(locator, accounts)))
    return accounts[0]
