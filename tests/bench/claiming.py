"""Claiming: what deciding and leasing a due invitation costs with 10^4, and 10^5 in the outbox."""

from typing import Any, Final

from mail.config import MailConfig
from mail.delivery.claim import claim
from mail.smtp.address import parse_server
from sync.database import DB
from tests.bench.deciding import add_campaigns
from tests.bench.ground import Ground, lay
from tests.bench.measuring import Line, Work, in_turns

FEW, MANY = 10_000, 100_000
#: Invitations of one claim, and claims of a round.
CHUNK: Final = 200
CLAIMS: Final = 4

TRANSITIONS: Final = """
INSERT INTO transition (account, id, digest, arrived_at, verdict, task, state, moment, sequence,
  device_moment, received_at, technician, survey, unexpected, type, unit, tags, customer_tags)
SELECT account, id, '', now(), 'accepted', id, '600', now(), 1, now(), now(), $2, true, false, type,
  unit, '{}', '{}'
FROM task WHERE account = $1
"""
FOLD: Final = "UPDATE task SET state = '600', state_transition = id WHERE account = $1"
INVITATIONS: Final = """
INSERT INTO invitation (account, id, campaign, version, kind, task, round, transition, technician,
  customer, manual, status, due, release, address_by_technician, created_at)
SELECT account, id, $2, 1, 'task', id, 1, id, $3, customer, false, 'scheduled', now(), now(), false,
  now()
FROM task WHERE account = $1
"""
OUTBOX: Final = """
INSERT INTO outbox (account, invitation, release, not_before, phase, purpose, attempt, resent)
SELECT account, id, release, release, 'waiting', 'first', 0, false
FROM invitation WHERE account = $1
"""
#: A calendar that is open all week, a cap that few reach, and a campaign whose surveys would go
#: first, so that for each claim it is looked whether some of them wait.
LIMITS: Final = (
    """INSERT INTO calendar (account, body) VALUES ($1, jsonb_build_object('mail_hours', (
      SELECT jsonb_object_agg(day, '["00:00-24:00"]'::jsonb) FROM unnest(ARRAY['monday', 'tuesday',
        'wednesday', 'thursday', 'friday', 'saturday', 'sunday']) AS day)))""",
    "INSERT INTO survey_cap (account, surveys, days) VALUES ($1, 3, 90)",
    """UPDATE campaign_version SET rules = rules || '{"priority": 9}' WHERE account = $1
      AND campaign = (SELECT max(id::text)::uuid FROM campaign WHERE account = $1)""",
    "UPDATE campaign_set SET revision = revision + 1 WHERE account = $1",
)


async def fill(owner: Any, count: int) -> Ground:
    """An account with `count` invitations that are due, each to an address of its own."""
    ground = await lay(owner, crews=1, tasks=count)
    account, technician = ground.account, ground.crews[0].device.technician
    await add_campaigns(owner, ground, 2)
    campaign = await owner.fetchval(
        "SELECT min(id::text)::uuid FROM campaign WHERE account = $1", account
    )
    await owner.execute(TRANSITIONS, account, technician)
    await owner.execute(FOLD, account)
    await owner.execute(INVITATIONS, account, campaign, technician)
    await owner.execute(OUTBOX, account)
    await owner.execute("VACUUM ANALYZE")
    return ground


async def fill_limited(owner: Any, count: int) -> Ground:
    """The same where mail hours and the cap are judged."""
    ground = await fill(owner, count)
    for statement in LIMITS:
        await owner.execute(statement, ground.account)
    return ground


def work(worker_dsn: str, account: int) -> tuple[Work, Work]:
    """Turning to the database at `worker_dsn`, and a round in it."""
    config = MailConfig(
        worker_dsn=worker_dsn,
        origin="https://retour.bench.test",
        smtp=parse_server("smtp://127.0.0.1:25"),
        mail_from="retour@bench.test",
    )

    async def turn_to() -> int:
        await DB.close()
        await DB.open(worker_dsn)
        return 0

    async def run() -> int:
        return sum([(await claim(config, account, CHUNK)).found for _ in range(CLAIMS)])

    return turn_to, run


async def measure(
    few: tuple[str, int],
    many: tuple[str, int],
    plain: tuple[str, int],
    limited: tuple[str, int],
) -> list[Line]:
    """The lines of claiming. `few`, `many`: a worker's address of a database, and its account.

    `plain`, `limited`: two more in the database of `few`, one of which has a calendar and a cap.
    """
    (turn_to_few, in_few), (turn_to_many, in_many) = work(*few), work(*many)
    turns = await in_turns(in_few, in_many, prepare_first=turn_to_few, prepare_second=turn_to_many)
    return [
        Line(
            f"claiming, outbox {FEW:,} -> {MANY:,}",
            f"{turns.second:,.0f} rows/s of {MANY:,}",
            f"{turns.first:,.0f}/s of {FEW:,}",
            turns.ratio,
            1.3,
            at_least=False,
        ),
        await _measure_limited(plain, limited),
    ]


async def _measure_limited(plain: tuple[str, int], limited: tuple[str, int]) -> Line:
    (turn_to, without), (turn_to_limited, within) = work(*plain), work(*limited)
    turns = await in_turns(within, without, prepare_first=turn_to_limited, prepare_second=turn_to)
    return Line(
        "claiming with cap and calendar",
        f"{turns.first:,.0f} rows/s",
        f"{turns.second:,.0f}/s without",
        turns.ratio,
        0.7,
    )
