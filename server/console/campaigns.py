"""/campaigns and /campaigns/{id}: the campaigns of the account and their settings."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

from litestar import Response, route
from litestar.params import FromPath
from msgspec import Struct

from mail.campaigns.definition import Content, Trigger
from mail.campaigns.formats import decode_content, decode_rules, join
from rules.campaign import Status
from rules.timing import parse_delay
from server.access.guards import console
from server.access.principals import ConsoleRequest
from server.access.rights import Action
from server.console.asked_tasks import AskedTasks, read_asked_tasks
from server.console.campaign_texts import Texts, read_texts
from server.console.nav_counts import console_frame
from server.console.open_breakers import read_open_breakers
from server.console.state_labels import StateChip, named, read_states
from server.http.problems import NotFoundError
from server.web.methods import READING
from server.web.page import clock_for, respond
from sync.database import Tx, tx

#: What may be done to a campaign, and the statuses from which.
CHANGES: Final[Mapping[str, frozenset[Status]]] = {
    "pause": frozenset({Status.ACTIVE}),
    "resume": frozenset({Status.PAUSED}),
    "archive": frozenset({Status.DRAFT, Status.ACTIVE, Status.PAUSED}),
}


class Card(Struct, frozen=True, kw_only=True):
    """A campaign in the list. `mute`, `last_day`: None is no mute window, and no last day."""

    id: UUID
    name: str
    status: str
    sent: int
    answered: int
    delay: timedelta
    mute: timedelta | None
    last_day: date | None


class CardList(Struct, frozen=True):
    """One page of campaigns; `first`, `more`: the URLs of the first and the next, or empty."""

    cards: list[Card]
    first: str
    more: str


class RuleShown(Struct, frozen=True):
    """A rule: the names of its task types, and its states."""

    types: list[str]
    states: list[StateChip]


class CampaignSettings(Struct, frozen=True, kw_only=True):
    """The settings of a campaign. `mute`, `stale`: None is none, and never.

    `reminder_gap`: civil days from a mail to the reminder that follows it.
    """

    id: UUID
    name: str
    status: str
    version: int
    activated: datetime | None
    rules: list[RuleShown]
    asked_tasks: AskedTasks
    delay: timedelta
    in_working_hours: bool
    mute: timedelta | None
    mute_per_customer: bool
    priority: int
    stale: timedelta | None
    deadline: timedelta
    reminders: int
    reminder_gap: timedelta
    opt_out_allowed: bool
    primary: str
    secondary: str | None
    content: Content
    texts: list[Texts]


SCREENFUL: Final = 50

#: Active campaigns first, those of a status by name, É beside E. `$1` to `$3`: rank, name and id of
#: the last campaign of the page before, or null.
_CARDS: Final = """
SELECT c.id, c.name, c.status, v.rules, v.format, c.rank,
  (SELECT count(*) FROM invitation i WHERE i.account = c.account AND i.campaign = c.id
   AND i.sent_at IS NOT NULL) AS sent,
  (SELECT count(*) FROM answer a WHERE a.account = c.account AND a.campaign = c.id) AS answered
FROM (SELECT *, array_position(ARRAY['active', 'paused', 'draft', 'archived'], status) AS rank
  FROM campaign) c
JOIN campaign_version v
  ON v.account = c.account AND v.campaign = c.id AND v.version = c.version
WHERE $1::integer IS NULL
  OR (c.rank, search_form(c.name), c.name, c.id) > ($1, search_form($2::text), $2, $3::uuid)
ORDER BY c.rank, search_form(c.name), c.name, c.id LIMIT $4
"""

_CAMPAIGN: Final = """
SELECT c.name, c.status, c.version, c.activated_at, v.rules, v.content, v.format
FROM campaign c
JOIN campaign_version v
  ON v.account = c.account AND v.campaign = c.id AND v.version = c.version
WHERE c.id = $1
"""

_TYPES: Final = "SELECT id, name, names FROM task_type"


@route("/campaigns", http_method=READING, guards=[console(Action.CAMPAIGN_READ)])
async def campaign_list(request: ConsoleRequest) -> Response[str]:
    """The campaigns, active ones first, and the senders whose mails are refused."""
    async with tx(request.user.account) as opened:
        page = await console_frame(opened, request)
        cards = await read_cards(opened, request.query_params.get("after", ""))
        breakers = await read_open_breakers(opened)
        clock = clock_for(opened, page, request.user.zone)
    return respond(request, "campaigns.html", page, list=cards, breakers=breakers, clock=clock)


@route("/campaigns/{campaign:uuid}", http_method=READING, guards=[console(Action.CAMPAIGN_READ)])
async def campaign_page(request: ConsoleRequest, campaign: FromPath[UUID]) -> Response[str]:
    """The settings of one campaign.

    :raises NotFoundError: this account has no such campaign.
    """
    async with tx(request.user.account) as opened:
        page = await console_frame(opened, request)
        settings = await read_settings(opened, campaign, page.language)
        clock = clock_for(opened, page, request.user.zone)
    changes = [
        change
        for change, statuses in CHANGES.items()
        if settings.status in statuses and page.may(f"campaign.{change}")
    ]
    return respond(request, "campaign.html", page, campaign=settings, changes=changes, clock=clock)


async def read_cards(tx: Tx, after: str) -> CardList:
    """A page of campaigns; `after`: of the URL, an `after` that cannot be read is ignored."""
    rows = await tx.fetch(_CARDS, *_read_after(after), SCREENFUL + 1)
    cards = []
    for row in rows[:SCREENFUL]:
        rules = decode_rules(row["rules"], row["format"])
        card = Card(
            id=row["id"],
            name=row["name"],
            status=row["status"],
            sent=row["sent"],
            answered=row["answered"],
            delay=parse_delay(rules.delay),
            mute=rules.mute_window,
            last_day=rules.last_day,
        )
        cards.append(card)
    more = ""
    if len(rows) > SCREENFUL:
        last = rows[SCREENFUL - 1]
        more = "?" + urlencode({"after": f"{last['rank']}_{last['id']}_{last['name']}"})
    return CardList(cards, "/campaigns" if after else "", more)


def _read_after(text: str) -> tuple[int | None, str | None, UUID | None]:
    """Rank, name and id of the last campaign of the page before; None each where unreadable."""
    rank, _, rest = text.partition("_")
    key, _, name = rest.partition("_")
    try:
        return (int(rank) if len(rank) == 1 else None), name, UUID(key)
    except ValueError:
        return None, None, None


async def read_settings(tx: Tx, campaign: UUID, language: str) -> CampaignSettings:
    """The settings of `campaign` in its current version, with names in `language`.

    :raises NotFoundError: this account has no such campaign.
    """
    row = await tx.fetchrow(_CAMPAIGN, campaign)
    if row is None:
        raise NotFoundError
    definition = join(row["rules"], row["content"], row["format"])
    content = decode_content(row["content"], row["format"])
    stale = definition.stale_days
    return CampaignSettings(
        id=campaign,
        name=row["name"],
        status=row["status"],
        version=row["version"],
        activated=row["activated_at"],
        rules=await _rules(tx, definition.rules, language),
        asked_tasks=await read_asked_tasks(tx, definition),
        delay=parse_delay(definition.delay),
        in_working_hours=definition.delay_in == "working" and definition.delay != "00:00:00",
        mute=definition.mute_window,
        mute_per_customer=definition.mute_per == "customer",
        priority=definition.priority,
        stale=None if stale is None else timedelta(days=stale),
        deadline=definition.deadline,
        reminders=definition.reminders,
        reminder_gap=timedelta(days=definition.reminder_days),
        opt_out_allowed=definition.opt_out_allowed,
        primary=definition.primary.value,
        secondary=definition.secondary.value if definition.secondary else None,
        content=content,
        texts=read_texts(content),
    )


async def _rules(tx: Tx, rules: list[Trigger], language: str) -> list[RuleShown]:
    """The rules with the names of their types and states; deleted ones by their id or code."""
    types = {
        row["id"]: named(row["name"], row["names"], language) for row in await tx.fetch(_TYPES)
    }
    states = {state.code: state for state in await read_states(tx, language)}
    return [
        RuleShown(
            [types.get(key, str(key)) for key in rule.task_types],
            [states.get(code, StateChip(code, "", "unknown")) for code in rule.states],
        )
        for rule in rules
    ]
