"""Campaigns: create, read, edit, activate, pause, resume and archive."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final, TypeAlias
from uuid import UUID

from litestar import Request
from litestar.types import ControllerRouterHandler
from msgspec import Meta, Struct

from mail.campaigns import lifecycle, store
from mail.campaigns.definition import Definition
from mail.campaigns.store import CampaignRecord
from mail.worker.jobs import Job
from server.access.guards import api
from server.access.principals import Principal, actor_of
from server.access.rights import Action
from server.api.operation import operation
from server.api.paging import Listing, Paging, listing
from server.services import services
from sync.database import Tx, run, tx
from sync.records.shapes import ExternalId
from sync.validation import check_line

ApiRequest: TypeAlias = Request[Principal, Any, Any]
Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=200)]

EDIT_FAILS: Final = ("bad_definition", "unknown_reference", "conflict")


class CampaignOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """A new campaign. `id`: chosen by the server where left out."""

    name: Name
    definition: Definition
    id: UUID | None = None
    external_id: ExternalId | None = None

    def __post_init__(self) -> None:
        """:raises ValueError: for a name or an external id that is not one plain line."""
        check_line("name", self.name)
        if self.external_id is not None:
            check_line("external_id", self.external_id)


class CampaignEdit(Struct, frozen=True, forbid_unknown_fields=True):
    """A campaign's new name and definition."""

    name: Name
    definition: Definition

    def __post_init__(self) -> None:
        """:raises ValueError: for a name that is not one plain line."""
        check_line("name", self.name)


async def _change(
    request: ApiRequest, campaign: UUID, change: Callable[[Tx, UUID], Awaitable[object]]
) -> CampaignRecord:
    """The campaign after `change`, both in one transaction."""

    async def work(opened: Tx) -> CampaignRecord:
        await change(opened, campaign)
        return await store.get_campaign(opened, campaign)

    return await run(request.user.account, work, actor_of(request))


@operation(
    "POST",
    "/campaigns",
    access=api(Action.CAMPAIGN_WRITE),
    status=201,
    fails=(*EDIT_FAILS, "taken"),
)
async def create_campaign(request: ApiRequest, body: CampaignOrder) -> CampaignRecord:
    """Create a campaign as a draft, which sends no surveys yet."""

    async def work(opened: Tx) -> CampaignRecord:
        made = await store.create_campaign(
            opened,
            body.name,
            body.definition,
            campaign=body.id,
            external_id=body.external_id,
        )
        return await store.get_campaign(opened, made)

    return await run(request.user.account, work, actor_of(request))


@operation("GET", "/campaigns", access=api(Action.CAMPAIGN_READ))
async def list_campaigns(request: ApiRequest, query: Paging) -> Listing[CampaignRecord]:
    """List campaigns."""
    async with tx(request.user.account) as opened:
        items = await store.list_campaigns(opened, query.limit + 1, query.after)
    return listing(items, query.limit)


@operation("GET", "/campaigns/{key:uuid}", access=api(Action.CAMPAIGN_READ), fails=("not_found",))
async def read_campaign(request: ApiRequest, key: UUID) -> CampaignRecord:
    """Read one campaign."""
    async with tx(request.user.account) as opened:
        return await store.get_campaign(opened, key)


@operation(
    "GET",
    "/campaigns/external/{external_id:path}",
    access=api(Action.CAMPAIGN_READ),
    fails=("not_found",),
)
async def read_external_campaign(request: ApiRequest, external_id: ExternalId) -> CampaignRecord:
    """Read the campaign that another system calls by this id.

    Slashes of the id stand in the path as they are, or as `%2F`.
    """
    async with tx(request.user.account) as opened:
        return await store.get_campaign_called(opened, external_id)


@operation("PUT", "/campaigns/{key:uuid}", access=api(Action.CAMPAIGN_WRITE), fails=EDIT_FAILS)
async def edit_campaign(request: ApiRequest, key: UUID, body: CampaignEdit) -> CampaignRecord:
    """Edit a campaign, which makes a new version of it.

    Surveys that are scheduled or sent already keep their version.
    """

    async def edit(opened: Tx, campaign: UUID) -> None:
        await store.edit_campaign(opened, campaign, body.name, body.definition)

    return await _change(request, key, edit)


@operation(
    "POST",
    "/campaigns/{key:uuid}/activate",
    access=api(Action.CAMPAIGN_ACTIVATE),
    fails=("conflict", "no_sender"),
)
async def activate_campaign(request: ApiRequest, key: UUID) -> CampaignRecord:
    """Activate a draft: it asks about transitions from now on.

    `no_sender` where mails would not say by whom they are sent: see PUT /sender.
    """
    return await _change(request, key, lifecycle.activate_campaign)


@operation(
    "POST", "/campaigns/{key:uuid}/pause", access=api(Action.CAMPAIGN_PAUSE), fails=("conflict",)
)
async def pause_campaign(request: ApiRequest, key: UUID) -> CampaignRecord:
    """Pause an active campaign: it sends nothing and asks about no new transitions."""
    return await _change(request, key, lifecycle.pause_campaign)


@operation(
    "POST", "/campaigns/{key:uuid}/resume", access=api(Action.CAMPAIGN_RESUME), fails=("conflict",)
)
async def resume_campaign(request: ApiRequest, key: UUID) -> CampaignRecord:
    """Resume a paused campaign: surveys that are due are sent.

    Those that are by now more than seven days past their release are dropped as `paused`.
    """
    answer = await _change(request, key, lifecycle.resume_campaign)
    services(request).ring(Job.DELIVER)
    return answer


@operation("POST", "/campaigns/{key:uuid}/archive", access=api(Action.CAMPAIGN_ARCHIVE))
async def archive_campaign(request: ApiRequest, key: UUID) -> CampaignRecord:
    """Archive a campaign for good; surveys that still wait are not sent."""
    return await _change(request, key, lifecycle.archive_campaign)


ROUTES: Final[list[ControllerRouterHandler]] = [
    create_campaign,
    list_campaigns,
    read_campaign,
    read_external_campaign,
    edit_campaign,
    activate_campaign,
    pause_campaign,
    resume_campaign,
    archive_campaign,
]
