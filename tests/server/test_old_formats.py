"""A campaign that was written by an earlier version is to everybody what it was."""

import re
from typing import Final

from mail.campaigns.definition import Definition
from mail.campaigns.store import get_campaign
from sync.database import tx
from tests.mail.old_formats import written_in_1
from tests.support.api_process import served
from tests.support.coroutines import apart
from tests.support.databases import TestDatabase
from tests.support.signed_in import let_in
from tests.support.stories import EMAIL, Story, aside, tell

PATHS: Final = (
    "/s/{story.survey}?rating=2",
    "/s/{story.survey}/thanks",
    "/campaigns/{story.campaign}",
    "/tasks/{story.task}",
    "/api/v1/campaigns/{story.campaign}",
)


#: The id of a step that is told next, the latest moment that it may have, how long ago things were.
ANEW: Final = re.compile(r'name="id" value="[^"]+"|max="[^"]+"|il y a [^<]+')


def said(database: TestDatabase, story: Story) -> Definition:
    """What the story's campaign says."""

    async def read() -> Definition:
        async with tx(story.account) as opened:
            return (await get_campaign(opened, story.campaign)).definition

    return aside(database, read)


def everywhere(database: TestDatabase, story: Story) -> list[str]:
    """What a process shows of it that is asked for the first time."""
    with served(database) as site:
        let_in(site.client, database, EMAIL)
        site.client.headers["Accept"] = "text/html, application/json;q=0.5"
        pages = [site.client.get(path.format(story=story)) for path in PATHS]
    assert {page.status_code for page in pages} == {200}
    return [ANEW.sub("", page.text) for page in pages]


def test_nobody_sees_in_which_format_a_campaign_is_stored(database: TestDatabase) -> None:
    story = tell(database)
    with served(database) as site:
        form = {"rating": "2", "reason": "late", "comment": "Trop tard"}
        assert site.client.post(f"/s/{story.survey}", data=form).status_code == 303
    today = everywhere(database, story)
    assert "En retard" in today[3]
    apart(written_in_1(database, story.campaign, said(database, story)))
    assert everywhere(database, story) == today
    with served(database) as site:
        wrong = site.client.post(f"/s/{story.survey}", data={"rating": "1", "reason": "rude"})
        assert wrong.status_code == 422
        form = {"rating": "1", "reason": "not_fixed"}
        assert site.client.post(f"/s/{story.survey}", data=form).status_code == 303
        let_in(site.client, database, EMAIL)
        page = site.client.get(f"/tasks/{story.task}", headers={"Accept": "text/html"})
        assert "Pas réparé" in page.text
