"""What the console says where mails are refused for the sender's sake."""

import re
from collections.abc import Iterator

import pytest

from tests.mail.campaigns import active
from tests.mail.delivering import Post, posting
from tests.support.api_process import Served, served
from tests.support.databases import TestDatabase
from tests.support.form_browser import browsing, words_of
from tests.support.office import Office, in_database, open_office

REPLY = "550 5.7.26 <x@gmail.example> Unauthenticated <b>email</b> is not accepted"


@pytest.fixture
def office(database: TestDatabase) -> Office:
    """An account of the test's own."""
    return open_office(database)


@pytest.fixture
def site(database: TestDatabase) -> Iterator[Served]:
    """The pages, listening."""
    with served(database) as one:
        yield one


def refused(database: TestDatabase, office: Office, *domains: str) -> None:
    """Twelve surveys to `domains`, all of them refused."""

    async def deliver() -> None:
        async with posting(database, office.world) as post:
            await active(post.world)
            await post.visits(12, *domains)
            post.server.always["RCPT"] = REPLY
            await post.deliver_all()
            assert post.server.mails == []

    in_database(database.worker, deliver)


def mended(database: TestDatabase, office: Office) -> None:
    """An hour later all are taken."""

    async def deliver() -> None:
        async with posting(database, office.world) as post:
            await _rested(post)
            await post.deliver_all()
            assert len(post.server.mails) == 12

    in_database(database.worker, deliver)


async def _rested(post: Post) -> None:
    await post.owner.connection.execute(
        "UPDATE sender_breaker SET until = retour_now() WHERE until IS NOT NULL"
    )


@pytest.mark.parametrize(
    ("language", "said"),
    [
        (
            "fr",
            r"Les courriels de example\.test à gmail\.example sont refusés depuis le .+?"
            r" 12 sondages attendent et partiront d.eux-mêmes dès que ce sera réglé\.",
        ),
        (
            "en",
            r"Mails from example\.test to gmail\.example are refused since .+?"
            r" 12 surveys wait and go by themselves once that is fixed\.",
        ),
    ],
)
def test_managers_read_whose_mails_are_refused_since_when_and_why(
    database: TestDatabase, site: Served, office: Office, language: str, said: str
) -> None:
    refused(database, office, "gmail.example")
    with browsing(site, office, "manager", language) as manager:
        page = manager.get("/campaigns").text
        assert re.search(said, words_of(page))
        assert "550 5.7.26 <address> Unauthenticated <b>email</b> is not accepted" in words_of(page)
        assert "<b>" not in page
        assert re.search(r'href="/campaigns"[^>]*>[^<]+<span class="count">1<', page)
        mended(database, office)
        assert "gmail.example" not in manager.get("/campaigns").text


def test_a_sender_that_everybody_refuses_is_named_once(
    database: TestDatabase, site: Served, office: Office
) -> None:
    refused(database, office, "a.example", "b.example", "c.example", "d.example")
    with browsing(site, office, "manager") as manager:
        said = words_of(manager.get("/campaigns").text)
    assert said.count("Mails from example.test are refused, whoever they are for, since") == 1
    assert "a.example" not in said


def test_nobody_reads_it_of_another_account(
    database: TestDatabase, site: Served, office: Office
) -> None:
    other = open_office(database, "south")
    refused(database, office, "gmail.example")
    with browsing(site, other, "manager") as manager:
        assert "gmail.example" not in manager.get("/campaigns").text
