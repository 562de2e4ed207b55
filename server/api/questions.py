"""The question bank: an account's questions in categories, for its campaigns to take from."""

from datetime import datetime
from functools import partial
from typing import Any, Final, TypeAlias
from uuid import UUID

from litestar import Request
from litestar.types import ControllerRouterHandler
from msgspec import Struct
from msgspec.structs import asdict

from mail.campaigns import bank
from mail.campaigns.bank import BankOrder
from mail.campaigns.texts import Code
from server.access.guards import api
from server.access.principals import Principal, actor_of
from server.access.rights import Action
from server.api.operation import operation
from server.api.paging import Limit, Listing, listing
from sync.database import run, tx

ApiRequest: TypeAlias = Request[Principal, Any, Any]


class BankRecord(BankOrder, frozen=True, kw_only=True):
    """A question of the bank. `key`: by which answers name it. `archived_at`: null for none."""

    id: UUID
    key: str
    created_at: datetime
    archived_at: datetime | None


class BankQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """A page of questions: of one `category` or of all; `archived`: with those."""

    after: UUID | None = None
    limit: Limit = 100
    category: Code | None = None
    archived: bool = False


class Added(Struct, frozen=True):
    """The id of what was added."""

    id: UUID


@operation(
    "POST",
    "/questions",
    access=api(Action.QUESTION_WRITE),
    status=201,
    fails=("bad_question", "too_many"),
)
async def add_question(request: ApiRequest, body: BankOrder) -> Added:
    """Keep a question, for campaigns whose `from_bank` names its category."""
    work = partial(bank.add_question, order=body)
    return Added(await run(request.user.account, work, actor_of(request)))


@operation("GET", "/questions", access=api(Action.QUESTION_READ))
async def list_questions(request: ApiRequest, query: BankQuery) -> Listing[BankRecord]:
    """List questions in the order in which they were added."""
    async with tx(request.user.account) as opened:
        found = await bank.list_questions(
            opened, query.limit + 1, query.after, query.category, archived=query.archived
        )
    records = [
        BankRecord(
            id=one.id,
            key=bank.key_of(one.id),
            created_at=one.created_at,
            archived_at=one.archived_at,
            **asdict(one.question),
        )
        for one in found
    ]
    return listing(records, query.limit)


@operation(
    "PUT",
    "/questions/{key:uuid}",
    access=api(Action.QUESTION_WRITE),
    fails=("not_found", "bad_question"),
)
async def change_question(request: ApiRequest, key: UUID, body: BankOrder) -> None:
    """Change a question. Versions of campaigns that took it keep it as it was."""
    work = partial(bank.change_question, question=key, order=body)
    await run(request.user.account, work, actor_of(request))


@operation(
    "DELETE", "/questions/{key:uuid}", access=api(Action.QUESTION_WRITE), fails=("not_found",)
)
async def archive_question(request: ApiRequest, key: UUID) -> None:
    """Archive a question: no new version of a campaign takes it."""
    await run(request.user.account, partial(bank.archive_question, question=key), actor_of(request))


ROUTES: Final[list[ControllerRouterHandler]] = [
    add_question,
    list_questions,
    change_question,
    archive_question,
]
