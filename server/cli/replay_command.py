"""The command `retour replay`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

import click

from mail.campaigns.errors import CampaignStatusError
from mail.campaigns.store import get_campaign_called
from mail.ledger.outcomes import OUTCOMES
from mail.replay.lines import Line
from mail.replay.run import (
    MOST_DAYS,
    USUAL_DAYS,
    Replay,
    TooManyTasksError,
    Wanted,
    replay_campaign,
)
from server.cli.accounts import account_number, database
from server.cli.localised import option
from server.cli.on_database import run_on_database
from server.cli.options import data_option, in_words
from server.cli.terminal import _, columns
from server.http.problems import PROBLEMS
from server.settings import Settings
from server.web.labels import Words
from sync.database import tx
from sync.errors import MissingError

#: Lines that are shown of one reason.
MOST_LINES: Final = 1000
_ZONE: Final = "SELECT zone FROM account WHERE account = $1"


@click.command("replay", help=_("Show what a campaign would have sent, and why not for the rest."))
@click.argument("account")
@click.argument("campaign")
@option(
    "--days",
    type=click.IntRange(1, MOST_DAYS),
    default=USUAL_DAYS,
    show_default=True,
    help=_("Of how many days, up to now."),
)
@option(
    "--reason",
    type=click.Choice(OUTCOMES),
    help=_("List the tasks of this reason, or those that would have been asked."),
)
@data_option
@in_words
def replay_command(
    account: str, campaign: str, days: int, reason: str | None, folder: Path | None
) -> None:
    """The account by its eight characters; the campaign by its id or its external id."""
    wanted = Wanted(days=days, outcome=reason, limit=MOST_LINES if reason else 1)
    try:
        found, zone = run_on_database(_replayed, folder, account, campaign, wanted)
    except MissingError:
        text = _("The account has no campaign %(campaign)s")
        raise click.ClickException(text % {"campaign": campaign}) from None
    except (CampaignStatusError, TooManyTasksError) as error:
        raise click.ClickException(_(PROBLEMS[error.code].title)) from None
    heading = _("%(campaign)s, version %(version)s, as if active since %(since)s:")
    since = found.since.astimezone(zone)
    names = {"campaign": found.name, "version": found.version, "since": f"{since:%Y-%m-%d %H:%M}"}
    click.echo(heading % names)
    click.echo("\n".join(_lines(found, zone, listed=reason is not None)))


async def _replayed(
    settings: Settings, account: str, campaign: str, wanted: Wanted
) -> tuple[Replay, ZoneInfo]:
    """:raises UnknownAccountError, MissingError: no such account or campaign."""
    async with database(settings):
        number = await account_number(account)
        async with tx(number) as opened:
            zone = ZoneInfo(await opened.fetchval(_ZONE, number))
            try:
                key = UUID(campaign)
            except ValueError:
                key = (await get_campaign_called(opened, campaign)).id
        return await replay_campaign(number, key, wanted), zone


def _lines(found: Replay, zone: ZoneInfo, *, listed: bool) -> Iterator[str]:
    """A line for each outcome: its count, code and words; if `listed`, a line for each step."""
    if not listed:
        words, counts = Words(_), found.counts
        rows = ((f"{count:>7}", code, words.replayed(code)) for code, count in counts.items())
        yield from columns(*rows, (f"{sum(counts.values()):>7}", _("steps"), ""))
        return

    def row(line: Line) -> tuple[str, ...]:
        release = "" if line.release is None else f"{line.release.astimezone(zone):%Y-%m-%d %H:%M}"
        moment = f"{line.moment.astimezone(zone):%Y-%m-%d %H:%M}"
        number = line.external_id or str(line.task)
        return moment, release, number, line.address or "", line.title

    heading = (_("step"), _("release"), _("task"), _("address"), _("title"))
    yield from columns(heading, *map(row, found.lines))
    if found.more:
        yield _("These are the newest %(count)s.") % {"count": MOST_LINES}
