"""People who are in already: only who tests signing in waits for a password to be hashed."""

import httpx
from playwright.sync_api import BrowserContext

from server.access.sessions import LIFE
from sync import tokens
from sync.database import tx
from tests.support.databases import TestDatabase
from tests.support.stories import aside

#: The cookie's name where pages are served without TLS.
COOKIE = "retour"
_WHO = "SELECT account, app_user FROM login WHERE address = $1"
_START = """
INSERT INTO session (account, token_hash, app_user, created_at, expires_at, last_seen_at)
VALUES ($1, $2, $3, $4, $5, $4)
"""


def session(database: TestDatabase, address: str) -> str:
    """The cookie's value of a new session of the one who signs in with `address`."""

    async def start() -> str:
        async with tx() as opened:
            who = await opened.fetchrow(_WHO, address)
        assert who is not None, address
        account, user = who
        secret = tokens.mint()
        async with tx(account) as opened:
            await opened.execute(
                _START, account, tokens.digest(secret), user, opened.now, opened.now + LIFE
            )
        return tokens.write(account, secret)

    return aside(database, start)


def let_in(client: httpx.Client, database: TestDatabase, address: str) -> None:
    """Let a program that reads pages be signed in."""
    client.cookies.set(COOKIE, session(database, address), client.base_url.host)


def enter(context: BrowserContext, database: TestDatabase, address: str, origin: str) -> None:
    """Let the windows of a browser be signed in at `origin`."""
    context.add_cookies([{"name": COOKIE, "value": session(database, address), "url": origin}])
