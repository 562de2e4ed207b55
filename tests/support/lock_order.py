"""Locks in one order: what each transaction of a test locks first, compared with what is declared.

The statements of every connection in the test's process are read as they are sent. Of each it is
known which tables' rows it changes or locks, and so in what order a transaction first takes each
kind of lock. It is not known which rows those are, so a kind that is locked already counts as held:
what takes more rows of it later has a test of its own. Nor do rows count that nobody else can have:
those that are only ever added, and those of `GUARDED`.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from typing import Any, Final, NamedTuple

import pytest
from asyncpg import DeadlockDetectedError
from asyncpg.connection import LoggedQuery
from piccolo.conf.apps import Finder

from sync.connections import Session
from sync.tables.schema import API_ROLE, WORKER_ROLE

#: The order that ARCHITECTURE.md says: of rows, by their tables, and of advisory locks.
#: `asker`: session and user, or token, of whoever asks.
ORDER: Final = (
    "asker", "claims", "campaign_set", "sender_breaker",
    "task", "parking", "transition",
    "outbox", "invitation", "contact", "decision", "customer", "location", "place_change",
    "answer", "answer_partial", "follow_up", "rollup_change", "task_result",
    "account", "unit", "app_user", "session", "enrolment_code", "device", "api_token",
    "state", "task_type",
    "ledger_change",
    "completion_head", "feed_head", "mail_head",
)  # fmt: skip

#: Rows that only those change who hold one of another table, which is locked before.
GUARDS: Final[Mapping[str, str]] = {
    "assignment": "task",
    "task_change": "task",
    "task_round": "task",
    "contact_use": "outbox",
    "calendar": "campaign_set",
    "campaign": "campaign_set",
    "campaign_pause": "campaign_set",
    "sender_identity": "campaign_set",
    "sending_pause": "campaign_set",
    "survey_cap": "campaign_set",
    "answer_value": "answer",
    "answer_version": "answer",
    "completion": "completion_head",
    "feed": "feed_head",
    "ledger_count": "ledger_change",
}

#: Rows of no account, or that are made once: each is locked alone, or while it is nobody else's.
APART: Final = frozenset({"clock_turn", "contact_key", "login", "throttle"})

#: What functions lock.
FUNCTIONS: Final = {"task_lock": "task", "feed_touch": "feed_head"}

_NOISE: Final = re.compile(r"/\*.*?\*/|--[^\n]*|'(?:[^']|'')*'", re.DOTALL)
_WRITE: Final = re.compile(r"\b(insert into|delete from|(?<!do )(?<!for )(?<!key )update) (\w+)\b")
_LOCK: Final = re.compile(
    r"\bfor (?:no key )?(?:update|share)\b(?: of ([\w, ]+?)(?= skip| limit|$|\)))?"
)
_SOURCE: Final = re.compile(r"\b(?:from|join) (\w+)(?: (?:as )?(\w+))?")
_CALL: Final = re.compile(r"\b(task_lock|feed_touch|pg_advisory_xact_lock) ?\(")
#: What the advisory locks are, by what is in their statements beside the call.
_PARKING: Final = "hashtextextended"
_ASKING: Final = re.compile(
    r"from (?:session s|app_user u) join .* for share$|from api_token .* for share$"
)
#: Where a transaction begins or ends.
_ENDS: Final = ("begin", "commit", "rollback")
#: Said where nobody else can be in the way: a test sets a state by hand, or an account is made.
_NOBODY_ELSE: Final = re.compile(r"'retour\.staged'|insert into \"?account\"? ")


class Break(NamedTuple):
    """A transaction locked `late` first by `statement`, after kinds that come behind it."""

    late: str
    held: tuple[str, ...]
    statement: str


class Heard:
    """What went wrong since it was last looked at: the order was broken, or locks met in a ring."""

    def __init__(self) -> None:
        self.breaks: list[Break] = []
        self.deadlocks: list[str] = []

    def forget(self) -> None:
        """Begin anew."""
        self.breaks, self.deadlocks = [], []


@lru_cache(maxsize=4096)
def locks_of(statement: str) -> tuple[str, ...]:
    """The kinds of locks that `statement` takes, in its order.

    A part that changes rows does so after what it reads, so it counts where it ends.
    """
    text = " ".join(_NOISE.sub("''", statement).replace('"', "").lower().split())
    if _ASKING.search(text) and "login" not in text:
        return ("asker",)
    found = [(end, one[2]) for one in _WRITE.finditer(text) if (end := _locks(text, one))]
    found += [(one.start(), table) for one in _LOCK.finditer(text) for table in _locked(text, one)]
    found += [(one.start(), _called(text, one[1])) for one in _CALL.finditer(text)]
    ordered = dict.fromkeys(kind for _, kind in sorted(found, key=lambda one: one[0]))
    return tuple(kind for kind in ordered if kind in _kinds())


@lru_cache(maxsize=4096)
def _bounds(statement: str) -> tuple[bool, bool]:
    """Whether a transaction begins or ends, and whether nobody else can be in its way."""
    text = statement.lower()
    ends = text.lstrip().startswith(_ENDS) and "to savepoint" not in text
    return ends, bool(_NOBODY_ELSE.search(text))


@cache
def _kinds() -> frozenset[str]:
    """Everything that can be locked: other names are of parts of a statement."""
    tables = Finder().get_table_classes()
    names = {table._meta.tablename for table in tables}  # noqa: SLF001 - Piccolo's way to ask
    return frozenset({*ORDER, *names})


def _locks(text: str, write: re.Match[str]) -> int:
    """Where it is done if it can wait for another: a row that is only added is its maker's."""
    start, end = _scope(text, write.start())
    waits = write[1] != "insert into" or "on conflict" in text[start:end]
    return end if waits else 0


def _called(text: str, function: str) -> str:
    if function in FUNCTIONS:
        return FUNCTIONS[function]
    return "parking" if _PARKING in text else "claims"


def _locked(text: str, lock: re.Match[str]) -> Iterator[str]:
    """The tables of the query that `lock` ends, or those of them that it names."""
    query = text[_scope(text, lock.start())[0] : lock.start()]
    while (flat := re.sub(r"\([^()]*\)", " ", query)) != query:
        query = flat
    named = set(re.split(r"[ ,]+", lock[1].strip())) if lock[1] else None
    for source in _SOURCE.finditer(query):
        if named is None or not named.isdisjoint(filter(None, source.groups())):
            yield source[1]


def _scope(text: str, place: int) -> tuple[int, int]:
    """Where the innermost parentheses around `place` begin and end, or all of `text`."""
    depth, start = 0, 0
    for here in range(place - 1, -1, -1):
        depth += {")": 1, "(": -1}.get(text[here], 0)
        if depth < 0:
            start = here + 1
            break
    depth = 0
    for here in range(place, len(text)):
        depth += {"(": 1, ")": -1}.get(text[here], 0)
        if depth < 0:
            return start, here
    return start, len(text)


class Transactions:
    """What one connection's transactions have locked."""

    def __init__(self, heard: Heard) -> None:
        self._heard = heard
        self._held: list[str] = []
        self._alone = False

    def hear(self, query: LoggedQuery) -> None:
        """Note a statement that was sent. What the owner does waits for nobody."""
        if not any(role in query.conn_params.user for role in (API_ROLE, WORKER_ROLE)):
            return
        if isinstance(query.exception, DeadlockDetectedError):
            self._heard.deadlocks.append(query.query)
        ends, alone = _bounds(query.query)
        if ends:
            self._held, self._alone = [], False
        elif alone:
            self._alone = True
        elif not self._alone and (kinds := locks_of(query.query)):
            self._note(kinds, query.query)

    def _note(self, kinds: tuple[str, ...], statement: str) -> None:
        for kind in kinds:
            if kind not in self._held:
                if self._breaks_order(kind):
                    self._heard.breaks.append(Break(kind, tuple(self._held), statement))
                self._held.append(kind)

    def _breaks_order(self, kind: str) -> bool:
        if any(GUARDS.get(one) == kind for one in self._held):
            return True
        if kind in GUARDS:
            return bool(self._held) and GUARDS[kind] not in self._held
        if kind not in ORDER:
            return bool(self._held) and kind not in APART
        return any(ORDER.index(kind) < ORDER.index(one) for one in self._held if one in ORDER)


def watch(patch: pytest.MonkeyPatch) -> Heard:
    """Have every new connection of this process listened to."""
    heard = Heard()

    class Overheard(Session):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            self.add_query_logger(Transactions(heard).hear)

    patch.setattr("sync.connections.Session", Overheard)
    patch.setattr("sync.database.Session", Overheard)
    return heard
