"""Answering: how long a customer waits for the page while 50 others a second answer.

Surveys have ten questions. Customers come at fixed moments, whether or not the others have their
page: who waits behind a slow one waits from the moment of coming.
"""

import asyncio
import statistics
import time
from typing import Any, Final
from urllib.parse import urlencode

from mail.campaigns.questions import FurtherQuestion
from sync.tokens import digest, mint, write
from tests.bench.deciding import add_campaigns, add_history
from tests.bench.ground import Ground
from tests.bench.http import Connection
from tests.bench.measuring import Line
from tests.bench.rounds import plan_again
from tests.support.state_guard import staged

#: Customers in a second, and how many come in all; each opens the page and answers.
RATE: Final = 50
CUSTOMERS: Final = 2000
#: Milliseconds that all but one of a hundred may wait for the page.
MOST: Final = 50.0
CONNECTIONS: Final = 32

FURTHER: Final = [
    FurtherQuestion(key=f"further_{number}", kind="stars", text={"en": f"And part {number}?"})
    for number in range(9)
]
ANSWER: Final = {"rating": "4", "comment": "Well done", **{f"further_{n}": "5" for n in range(9)}}

SENT: Final = """
UPDATE invitation SET status = 'sent', address = 'c@bench.test', typed_address = 'c@bench.test',
  language = 'en_CA', sent_at = now(), deadline = now() + interval '28 days'
WHERE account = $1 RETURNING id
"""
LINKS: Final = """
INSERT INTO link (account, token_hash, invitation)
SELECT $1, token, invitation FROM unnest($2::bytea[], $3::uuid[]) AS new (token, invitation)
"""


async def lay_surveys(owner: Any, ground: Ground, count: int) -> list[str]:
    """Send so many surveys of ten questions, but for the mails; the tokens of their links."""
    await add_campaigns(owner, ground, 1, further=FURTHER)
    await add_history(owner, ground, count)
    await plan_again(owner, ground, ground.crews[0].tasks[:count])
    async with owner.transaction():
        await staged(owner)
        await owner.execute("DELETE FROM outbox WHERE account = $1", ground.account)
        invitations = [row["id"] for row in await owner.fetch(SENT, ground.account)]
        tokens = [mint() for _ in invitations]
        found = [digest(digest(one)) for one in tokens]
        await owner.execute(LINKS, ground.account, found, invitations)
    await owner.execute("ANALYZE")
    return [write(ground.account, one) for one in tokens]


async def answer_all(port: int, tokens: list[str], rate: int = RATE) -> list[float]:
    """A customer for each token, `rate` in a second: opens the page, then answers.

    Returns how long each waited for the page, in milliseconds from the moment of coming.
    """
    free: asyncio.Queue[Connection] = asyncio.Queue()
    for _ in range(CONNECTIONS):
        free.put_nowait(await Connection.open(port))
    waits: list[float] = []
    began = time.perf_counter()

    async def come(number: int, token: str) -> None:
        due = began + number / rate
        await asyncio.sleep(due - time.perf_counter())
        connection = await free.get()
        await connection.request(_head(port, "GET", f"/s/{token}?rating=4"))
        waits.append(1000 * (time.perf_counter() - due))
        await connection.request(_head(port, "POST", f"/s/{token}"), urlencode(ANSWER).encode())
        free.put_nowait(connection)

    await asyncio.gather(*(come(number, token) for number, token in enumerate(tokens)))
    while not free.empty():
        await free.get_nowait().close()
    return waits


async def measure(owner: Any, ground: Ground, port: int) -> list[Line]:
    """The line of answering. `ground` has one crew with `CUSTOMERS` tasks; `port`: an API's."""
    tokens = await lay_surveys(owner, ground, CUSTOMERS)
    warming, tokens = tokens[: 2 * RATE], tokens[2 * RATE :]
    await answer_all(port, warming)
    waits = await answer_all(port, tokens)
    longest = statistics.quantiles(waits, n=100)[-1]
    middle = statistics.median(waits)
    return [
        Line(
            f"survey page of ten questions, {RATE} customers answer a second",
            f"{longest:.1f} ms for 99 of 100 (half: {middle:.1f} ms)",
            f"{MOST:g} ms",
            longest / MOST,
            1.0,
            at_least=False,
        )
    ]


def _head(port: int, method: str, path: str) -> str:
    """Request line and headers of a browser's request."""
    return (
        f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: text/html\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n"
    )
