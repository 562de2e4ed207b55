"""The question bank: an account's questions in categories, for its campaigns to take from.

A version of a campaign has copies of the questions that it takes, so to change the bank changes no
survey.
"""

from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

import asyncpg
import msgspec
from msgspec import Meta, Struct
from msgspec.structs import asdict

from mail.campaigns.errors import DefinitionError, QuestionError
from mail.campaigns.problem import Problem
from mail.campaigns.question_validation import MOST_CHOICES, check_question
from mail.campaigns.questions import Choices, FromBank, FurtherQuestion, NegativeAt, PositiveAt
from mail.campaigns.questions import QuestionKind as Kind
from mail.campaigns.texts import Code, Lines
from rules.questions.scales import Sentiment
from sync.audit import AuditChange, between, record
from sync.database import Tx
from sync.errors import MissingError, TooManyError
from sync.ids import new_id

#: Questions that an account keeps, archived ones not counted.
MOST_QUESTIONS: Final = 500
#: Questions that one campaign takes.
MOST_TAKEN: Final = 100

_LIST: Final = """
SELECT id, category, question, created_at, archived_at FROM bank_question
WHERE account = $1 AND ($2::uuid IS NULL OR id > $2) AND ($3::text IS NULL OR category = $3)
  AND (archived_at IS NULL OR $4)
ORDER BY id LIMIT $5
"""
#: In the order in which a campaign names the categories, and of each as they were added.
_TAKEN: Final = """
SELECT b.id, b.category, b.question FROM bank_question b
WHERE b.account = $1 AND b.category = ANY($2) AND b.archived_at IS NULL
ORDER BY array_position($2, b.category), b.id
"""
_ONE: Final = """
SELECT id, category, question, created_at, archived_at FROM bank_question
WHERE account = $1 AND id = $2 FOR NO KEY UPDATE
"""
_ADD: Final = """
INSERT INTO bank_question (account, id, category, question, created_at)
VALUES ($1, $2, $3, $4, $5)
"""
_COUNT: Final = "SELECT count(*) FROM bank_question WHERE account = $1 AND archived_at IS NULL"


class BankOrder(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A question to keep in `category`; the other fields are those of a question of a campaign."""

    category: Code
    kind: Kind
    text: Lines
    low: Lines = {}
    high: Lines = {}
    choices: Choices = []
    several: bool = False
    mandatory: bool = False
    after: Annotated[list[Sentiment], Meta(max_length=3)] = []
    negative_at: NegativeAt | None = None
    positive_at: PositiveAt | None = None

    def asked_as(self, key: str) -> FurtherQuestion:
        """The question of a survey that asks it."""
        fields = {name: value for name, value in asdict(self).items() if name != "category"}
        return FurtherQuestion(key=key, **fields)


class BankQuestion(Struct, frozen=True, kw_only=True):
    """A question of the bank. `archived_at`: since when no new version takes it. Times are UTC."""

    id: UUID
    question: BankOrder
    created_at: datetime
    archived_at: datetime | None


_read: Final = msgspec.json.Decoder(BankOrder).decode
_write: Final = msgspec.json.Encoder().encode


def key_of(question: UUID) -> str:
    """Return the key by which surveys name a question of the bank."""
    return f"q_{question.hex}"


async def add_question(tx: Tx, order: BankOrder) -> UUID:
    """Keep a question, and return its id.

    :raises QuestionError: it cannot be asked as it is.
    :raises TooManyError: the account keeps `MOST_QUESTIONS` already.
    """
    _check(order)
    if await tx.fetchval(_COUNT, tx.account) >= MOST_QUESTIONS:
        raise TooManyError(f"an account keeps {MOST_QUESTIONS} questions")
    question = new_id()
    document = _write(order).decode()
    await tx.execute(_ADD, tx.account, question, order.category, document, tx.now)
    change = AuditChange(f"question/{question}", None, asdict(order))
    await record(tx, "question.write", [change])
    return question


async def change_question(tx: Tx, question: UUID, order: BankOrder) -> None:
    """Change a question for versions of campaigns to come.

    :raises MissingError: the account has no such question.
    :raises QuestionError: it cannot be asked as it is.
    """
    _check(order)
    before = await _lock(tx, question)
    await tx.execute(
        "UPDATE bank_question SET category = $3, question = $4 WHERE account = $1 AND id = $2",
        tx.account,
        question,
        order.category,
        _write(order).decode(),
    )
    if before.question != order:
        change = between(f"question/{question}", before.question, order)
        await record(tx, "question.write", [change])


async def archive_question(tx: Tx, question: UUID) -> None:
    """Let no new version take a question. Again, it changes nothing.

    :raises MissingError: the account has no such question.
    """
    before = await _lock(tx, question)
    if before.archived_at is not None:
        return
    await tx.execute(
        "UPDATE bank_question SET archived_at = $3 WHERE account = $1 AND id = $2",
        tx.account,
        question,
        tx.now,
    )
    change = AuditChange(f"question/{question}", {"archived": False}, {"archived": True})
    await record(tx, "question.write", [change])


async def list_questions(
    tx: Tx, limit: int, after: UUID | None, category: str | None, *, archived: bool
) -> list[BankQuestion]:
    """Return at most `limit` questions in the order of their ids, from behind `after`.

    `category`: only those; None for all. `archived`: with those.
    """
    rows = await tx.fetch(_LIST, tx.account, after, category, archived, limit)
    return [_question(row) for row in rows]


async def take(tx: Tx, wanted: FromBank | None) -> list[FurtherQuestion]:
    """Return the questions that a version of a campaign takes from the bank, to be copied.

    :raises DefinitionError: it names a category or question that the bank does not have, takes
        none, or too many.
    """
    if wanted is None:
        return []
    rows = await tx.fetch(_TAKEN, tx.account, wanted.categories)
    known = {row["category"] for row in rows}
    dropped = set(wanted.dropped)
    problems = [
        Problem(code, f"from_bank.categories.{place}")
        for place, category in enumerate(wanted.categories)
        for code, is_wrong in (
            ("unknown_category", category not in known),
            ("repeated", category in wanted.categories[:place]),
        )
        if is_wrong
    ]
    ids = {row["id"] for row in rows}
    problems += [
        Problem("unknown_question", f"from_bank.dropped.{place}")
        for place, question in enumerate(wanted.dropped)
        if question not in ids
    ]
    taken = [
        _read(row["question"]).asked_as(key_of(row["id"]))
        for row in rows
        if row["id"] not in dropped
    ]
    if not problems and not taken:
        problems.append(Problem("no_question_left", "from_bank"))
    if len(taken) > MOST_TAKEN or sum(len(one.choices) for one in taken) > MOST_CHOICES:
        problems.append(Problem("too_many_questions", "from_bank"))
    if problems:
        raise DefinitionError(problems)
    return taken


def _check(order: BankOrder) -> None:
    problems = list(check_question("", order.asked_as("question")))
    if problems:
        raise QuestionError(
            [Problem(found.code, found.field.removeprefix(".")) for found in problems]
        )


async def _lock(tx: Tx, question: UUID) -> BankQuestion:
    row = await tx.fetchrow(_ONE, tx.account, question)
    if row is None:
        raise MissingError(question)
    return _question(row)


def _question(row: asyncpg.Record) -> BankQuestion:
    values: dict[str, Any] = {name: row[name] for name in ("id", "created_at", "archived_at")}
    return BankQuestion(question=_read(row["question"]), **values)
