"""Hazard 29: what is refused for the sender's sake waits until it is mended, one for all."""

import asyncio
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, Final

import msgspec
import pytest
from structlog.testing import capture_logs

from mail.campaigns.lifecycle import archive_campaign, pause_campaign
from mail.campaigns.store import edit_campaign
from mail.delivery.breakers import ADDRESSES, FIRST_WAIT, LONGEST_WAIT
from mail.delivery.claim import claim
from mail.worker.jobs import Job
from mail.worker.scheduler import run_clock
from sync.database import tx
from tests.mail.campaigns import active, change, definition, only_invitation, rows
from tests.mail.delivering import DAY, HOUR, MINUTE, SECOND, Post
from tests.support.smtp_server import CUT
from tests.support.state_guard import unguarded

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

UNAUTHENTICATED: Final = "550 5.7.26 Unauthenticated email from example.test is not accepted"
BAD_SENDER: Final = "550 5.1.8 Access denied, bad outbound sender"
OURS: Final = "example.test"
THEIRS: Final = "example.net"


def alerts(logs: Iterable[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """The domains of what was logged as an error."""
    found = [entry for entry in logs if entry["log_level"] == "error"]
    return [(entry["sender"], entry["recipient"]) for entry in found]


async def opened(post: Post) -> list[tuple[str, str]]:
    """The breakers that are open, by their domains."""
    found = await rows(
        post.world,
        "SELECT sender, recipient FROM sender_breaker WHERE opened_at IS NOT NULL ORDER BY 1, 2",
    )
    return [(row["sender"], row["recipient"]) for row in found]


async def statuses(post: Post) -> dict[str, int]:
    """How many invitations have which status."""
    found = await rows(post.world, "SELECT status, count(*) FROM invitation GROUP BY 1")
    return {row["status"]: row["count"] for row in found}


async def refuse_all(post: Post, number: int = 20, *domains: str) -> None:
    """So many visits, whose mails are all refused for our sake: the breaker is open."""
    await active(post.world)
    await post.visits(number, *domains)
    post.server.always["RCPT"] = UNAUTHENTICATED
    await post.deliver_all()
    assert await opened(post)


def mend(post: Post) -> None:
    """The server takes everything again."""
    for place in ("RCPT", "DOT"):
        post.server.always[place] = "250 2.0.0 ok"


def sent_once(post: Post, number: int) -> bool:
    """Whether so many mails were taken, one for each recipient."""
    return len({mail.recipient for mail in post.server.mails}) == len(post.server.mails) == number


@pytest.mark.parametrize(
    ("place", "reply", "recipient", "mails"),
    [
        ("DOT", UNAUTHENTICATED, THEIRS, 500),
        ("RCPT", UNAUTHENTICATED, THEIRS, 120),
        ("RCPT", BAD_SENDER, "*", 500),
        ("DOT", BAD_SENDER, "*", 120),
        ("MAIL", "550 5.4.5 Daily user sending limit exceeded", "*", 120),
    ],
)
async def test_29_mails_refused_for_our_sake_open_one_breaker_and_go_once_that_is_mended(
    post: Post, place: str, reply: str, recipient: str, mails: int
) -> None:
    await active(post.world)
    await post.visits(mails)
    usual, post.server.always[place] = post.server.always[place], reply
    with capture_logs() as logs:
        await post.deliver_all()
        for _ in range(3):  # longer than anybody has patience
            await post.later(DAY)
            await post.deliver_all()
    assert alerts(logs) == [(OURS, recipient)]
    assert reply in [entry["reply"] for entry in logs if entry["log_level"] == "error"]
    assert await opened(post) == [(OURS, recipient)]
    assert (await post.suppressed(), post.server.mails) == ({}, [])
    assert post.server.said("RCPT") < 50
    assert set(await statuses(post)) <= {"scheduled", "claimed"}
    post.server.always[place] = usual
    await post.later(LONGEST_WAIT)
    await post.deliver_all()
    assert sent_once(post, mails)
    assert await statuses(post) == {"sent": mails}
    assert (await opened(post), await post.suppressed()) == ([], {})


@pytest.mark.parametrize(
    ("reply", "suppressed", "end", "others"),
    [
        ("550 5.1.1 no such user", {"marie@example.net": "bounced"}, "failed", 119),
        ("550 5.7.133 SenderNotAuthenticatedForGroup", {}, "refused", 499),
        ("550 5.7.1 not you", {}, "refused", 119),
        ("552 5.2.2 mailbox full", {}, "expired", 119),
    ],
)
async def test_29_one_of_many_that_is_refused_keeps_nobody_else_waiting(
    post: Post, reply: str, suppressed: dict[str, str], end: str, others: int
) -> None:
    await active(post.world)
    refused = await post.visit("marie@example.net")
    await post.visits(others)
    post.server.refused["marie@example.net"] = reply
    with capture_logs() as logs:
        await post.deliver_all()
        assert (await opened(post), len(post.server.mails)) == ([], others)
        for _ in range(16):
            await post.later(5 * HOUR)
            await post.deliver_all()
    assert await post.status(refused) == (end, reply)
    assert (await post.events(refused))[-1] == ("full" if end == "expired" else end)
    assert await statuses(post) == {"sent": others, end: 1}
    assert (await post.suppressed(), await opened(post)) == (suppressed, [])
    assert alerts(logs) == []


async def test_29_groups_that_take_no_mail_from_outside_open_no_breaker(post: Post) -> None:
    await active(post.world)
    await post.visits(20)
    post.server.always["RCPT"] = "550 5.7.133 SenderNotAuthenticatedForGroup"
    await post.deliver_all()
    assert await opened(post) == []


async def test_29_what_one_address_is_refused_again_and_again_opens_no_breaker(post: Post) -> None:
    await active(post.world)
    for _ in range(3):
        await post.visit("marie@example.net")
    post.server.always["RCPT"] = UNAUTHENTICATED
    for _ in range(6):
        await post.deliver_all()
        await post.later(5 * HOUR)
    assert await opened(post) == []


async def test_29_refusals_with_one_that_is_taken_between_them_are_none_in_a_row(
    post: Post,
) -> None:
    await active(post.world)
    post.configure(smtp_connections=1)
    for place in range(4 * ADDRESSES):
        await post.visit(f"c{place}@example.net")
        if place % ADDRESSES:
            post.server.refused[f"c{place}@example.net"] = UNAUTHENTICATED
    await post.deliver_all()
    assert (await opened(post), len(post.server.mails)) == ([], 4)


async def test_29_other_domains_do_not_wait(post: Post) -> None:
    await active(post.world)
    await post.visits(300)
    await post.visits(20, "example.org")
    refused = await rows(post.world, "SELECT email FROM customer WHERE email LIKE '%.net'")
    post.server.refused = {row["email"]: UNAUTHENTICATED for row in refused}
    await post.deliver_all()
    assert await opened(post) == [(OURS, THEIRS)]
    assert sent_once(post, 20)


async def test_29_a_sender_that_three_domains_refuse_has_a_breaker_of_its_own(post: Post) -> None:
    with capture_logs() as logs:
        await refuse_all(post, 60, "a.example", "b.example", "c.example", "d.example")
    assert alerts(logs) == [(OURS, "*")]
    assert await opened(post) == [(OURS, "*")]
    mend(post)
    await post.later(FIRST_WAIT)
    await post.deliver_all()
    assert sent_once(post, 60)
    assert await opened(post) == []


async def test_29_a_breaker_of_the_sender_replaces_those_of_its_pairs(post: Post) -> None:
    await active(post.world)
    post.server.always["RCPT"] = UNAUTHENTICATED
    for place, domain in enumerate(("a.example", "b.example", "c.example")):
        await post.visits(10, domain)
        await post.deliver_all()
        wanted = [(OURS, f"{name}.example") for name in "ab"[: place + 1]]
        assert await opened(post) == (wanted if place < 2 else [(OURS, "*")])


async def test_29_what_another_sender_sends_does_not_wait(post: Post) -> None:
    campaign = await active(post.world)
    await post.visits(20)
    post.server.always["RCPT"] = UNAUTHENTICATED
    await post.deliver_all()
    made = definition(post.world)
    message = msgspec.structs.replace(made.message, sender_address="us@other.example")
    async with tx(post.world.account) as editing:
        changed = msgspec.structs.replace(made, message=message)
        await edit_campaign(editing, campaign, "Satisfaction", changed)
    await post.visits(3)
    mend(post)
    await post.deliver_all()
    assert {mail.sender for mail in post.server.mails} == {"us@other.example"}
    assert (sent_once(post, 3), await opened(post)) == (True, [(OURS, THEIRS)])


async def test_29_one_mail_is_tried_after_each_rest_and_rests_grow_up_to_their_limit(
    post: Post,
) -> None:
    await refuse_all(post)
    rest, said = FIRST_WAIT, post.server.said("RCPT")
    for _ in range(8):
        await post.later(rest - SECOND)
        await post.deliver_all()
        assert post.server.said("RCPT") == said
        await post.later(SECOND)
        await post.deliver_all()
        said += 1
        assert post.server.said("RCPT") == said
        rest = min(2 * rest, LONGEST_WAIT)
    assert rest == LONGEST_WAIT


async def test_29_each_time_another_mail_is_tried(post: Post) -> None:
    await refuse_all(post)
    await post.later(FIRST_WAIT - SECOND)
    await post.deliver_all()
    first = {line for line in post.server.commands if line.startswith("RCPT")}
    for _ in range(3):
        await post.later(LONGEST_WAIT)
        await post.deliver_all()
    asked = {line for line in post.server.commands if line.startswith("RCPT")} - first
    assert len(asked) == 3


@pytest.mark.parametrize("reply", ["450 4.2.0 later", "550 5.1.1 no such user", CUT])
async def test_29_a_mail_that_tells_nothing_of_us_is_followed_by_another(
    post: Post, reply: str
) -> None:
    await refuse_all(post)
    await post.later(FIRST_WAIT)
    mend(post)
    post.server.next("RCPT", reply, reply)
    await post.deliver_all()
    assert (len(await opened(post)), post.server.mails) == (1, [])
    await post.later(FIRST_WAIT)
    await post.deliver_all()
    await post.later(FIRST_WAIT)
    await post.deliver_all()
    assert (await opened(post), len(post.server.mails) >= 18) == ([], True)


async def test_29_a_worker_that_died_with_the_mail_that_is_tried_is_followed_by_another(
    post: Post,
) -> None:
    await refuse_all(post)
    await post.later(FIRST_WAIT)
    [job] = (await claim(post.config, post.world.account, 100)).jobs
    assert job.probe
    await post.later(MINUTE)
    assert await post.deliver() == 0
    mend(post)
    await post.later(timedelta(seconds=post.config.lease))
    await post.deliver_all()
    assert sent_once(post, 20)


async def test_29_a_server_that_is_away_leaves_the_breaker_as_it_is(post: Post) -> None:
    await refuse_all(post)
    await post.later(FIRST_WAIT)
    await post.server.stop()
    await post.deliver_all()
    await post.server.listen()
    assert await opened(post) == [(OURS, THEIRS)]
    mend(post)
    await post.later(MINUTE)
    await post.deliver_all()
    assert sent_once(post, 20)


async def test_29_several_workers_try_one_mail_and_send_each_once(post: Post) -> None:
    await refuse_all(post, 100)
    said = post.server.said("RCPT")
    await post.later(FIRST_WAIT)
    await asyncio.gather(*(post.deliver() for _ in range(4)))
    assert post.server.said("RCPT") == said + 1
    mend(post)
    await post.later(LONGEST_WAIT)
    await asyncio.gather(*(post.deliver_all() for _ in range(4)))
    assert sent_once(post, 100)


async def test_29_several_workers_open_a_breaker_once(post: Post) -> None:
    await active(post.world)
    await post.visits(200)
    post.server.always["DOT"] = UNAUTHENTICATED
    with capture_logs() as logs:
        await asyncio.gather(*(post.deliver_all() for _ in range(4)))
    assert alerts(logs) == [(OURS, THEIRS)]
    assert (await opened(post), post.server.mails) == ([(OURS, THEIRS)], [])


async def test_29_what_waits_is_not_due_and_costs_no_look(post: Post) -> None:
    await refuse_all(post, 300)
    [found] = await rows(
        post.world,
        "SELECT count(*) FILTER (WHERE not_before <= retour_now()) AS due,"
        " count(*) FILTER (WHERE sender_domain IS NOT NULL) AS behind FROM outbox",
    )
    assert tuple(found) == (0, 300)
    assert await post.deliver() == 0


async def test_29_the_clock_rings_when_a_breaker_has_rested(post: Post) -> None:
    await refuse_all(post)
    rung: list[Job] = []
    stop = asyncio.Event()

    def ring(job: Job) -> None:
        rung.append(job)
        stop.set()

    await post.later(FIRST_WAIT)
    async with asyncio.timeout(20):
        await run_clock(post.config, ring, stop)
    assert rung.count(Job.DELIVER) == 1


async def test_29_who_waits_behind_a_breaker_holds_no_address(post: Post) -> None:
    await active(post.world, mute="07:00:00")
    await post.visits(ADDRESSES)
    post.server.always["RCPT"] = UNAUTHENTICATED
    await post.deliver_all()
    tasks = [await post.visit("marie@example.net") for _ in range(2)]
    await post.deliver_all()
    assert "marie@example.net" not in dict(await post.uses())
    mend(post)
    await post.later(FIRST_WAIT)
    await post.deliver_all()
    assert [await post.status(task) for task in tasks] == [("sent", None), ("dropped", "muted")]


async def test_29_who_unsubscribes_meanwhile_gets_nothing(post: Post) -> None:
    await refuse_all(post)
    await change(post.world, "UPDATE contact SET suppressed = 'unsubscribed'")
    mend(post)
    await post.later(FIRST_WAIT)
    await post.deliver_all()
    for _ in range(25):
        await post.later(HOUR)
        await post.deliver_all()
    assert (await statuses(post), post.server.mails) == ({"dropped": 20}, [])
    assert await opened(post) == []


@pytest.mark.parametrize("stop", [pause_campaign, archive_campaign])
async def test_29_a_campaign_that_is_stopped_meanwhile_keeps_no_other_waiting(
    post: Post, stop: Any
) -> None:
    first = await active(post.world)
    await post.visits(10)
    post.server.always["RCPT"] = UNAUTHENTICATED
    await post.deliver_all()
    async with tx(post.world.account) as stopping:
        await stop(stopping, first)
    await active(post.world)
    await post.visits(10)
    await post.deliver_all()
    mend(post)
    for _ in range(3):
        await post.later(LONGEST_WAIT)
        await post.deliver_all()
    assert sent_once(post, 10)


async def test_29_where_the_sender_becomes_another_what_waited_goes_from_there(post: Post) -> None:
    await refuse_all(post)
    post.configure(mail_from="retour@mended.test")
    mend(post)
    await post.later(2 * HOUR)
    await post.deliver_all()
    assert sent_once(post, 20)
    assert {mail.sender for mail in post.server.mails} == {"retour@mended.test"}
    await post.deliver_all()
    assert await opened(post) == []


async def test_29_patience_begins_anew_when_a_breaker_shuts(post: Post) -> None:
    await refuse_all(post)
    await post.later(3 * DAY)
    await post.deliver_all()
    mend(post)
    [tried] = await rows(post.world, "SELECT i.task, i.address FROM invitation i"
        " JOIN mail_event e ON e.invitation = i.id LIMIT 1")  # fmt: skip
    post.server.refused[tried["address"]] = "550 5.7.1 not you"
    await post.later(LONGEST_WAIT)
    await post.deliver_all()
    await post.later(LONGEST_WAIT)
    await post.deliver_all()
    found = await only_invitation(post.world, tried["task"])
    assert (found["status"], len(post.server.mails)) == ("claimed", 19)


async def test_29_ten_thousand_that_wait_starve_nobody(post: Post) -> None:
    await unguarded(post.owner.connection)
    await refuse_all(post, ADDRESSES)
    template = await rows(post.world, "SELECT invitation FROM outbox LIMIT 1")
    await multiply(post, template[0]["invitation"], 10_000)
    await post.deliver_all()
    task = await post.visit("marie@example.org")
    mend(post)
    assert await post.deliver() == 1
    assert await post.status(task) == ("sent", None)


async def multiply(post: Post, invitation: Any, number: int) -> None:
    """So many more invitations as this one, due now."""
    await change(
        post.world,
        """
        WITH made AS (
          INSERT INTO invitation (account, id, campaign, version, kind, task, round, transition,
            technician, manual, status, due, release, address, typed_address, address_field,
            address_by_technician, language, message_id, created_at)
          SELECT account, gen_random_uuid(), campaign, version, kind, task, n + 1, transition,
            technician, manual, status, due, release, address, typed_address, address_field,
            address_by_technician, language, message_id, created_at
          FROM invitation, generate_series(1, $2) AS n WHERE id = $1
          RETURNING account, id)
        INSERT INTO outbox (account, invitation, release, not_before, phase, purpose, attempt,
          resent,
          survey_token)
        SELECT o.account, made.id, o.release, o.release, 'waiting', 'first', 1, false,
          o.survey_token
        FROM made, outbox o WHERE o.invitation = $1
        """,
        invitation,
        number,
    )
