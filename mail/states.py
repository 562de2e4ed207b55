"""The states of an invitation, and every write that may change one.

A state is the invitation's `status` with the `phase` and the `purpose` of its entry in the queue.
Statements that write any of them are made by their edge, which names them and gives them their
values; however many parts such a statement has, they are one step.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final, NamedTuple

from msgspec import Struct


class Status(StrEnum):
    """What is known of an invitation; `uncertain`: a copy may have gone."""

    SCHEDULED = "scheduled"
    CLAIMED = "claimed"
    SENT = "sent"
    UNCERTAIN = "uncertain"
    HELD = "held"
    FAILED = "failed"
    EXPIRED = "expired"
    REFUSED = "refused"
    DROPPED = "dropped"


class Phase(StrEnum):
    """Whose turn it is with an invitation that is in the queue; `data`: its content may leave."""

    WAITING = "waiting"
    CLAIMED = "claimed"
    DATA = "data"
    HELD = "held"


class Purpose(StrEnum):
    """Why an invitation is in the queue: what is sent is its first mail, or one more.

    No edge leads to `reminder` or `resend` yet. A resend is what somebody in the office asks for;
    the second copy of a mail in doubt has the purpose of the first, and `outbox.resent` tells it
    apart.
    """

    FIRST = "first"
    REMINDER = "reminder"
    RESEND = "resend"


class State(NamedTuple):
    """`status` is None where there is no invitation, `phase` where it is not in the queue.

    `purpose` counts in the queue only, and is written where it is not the first.
    """

    status: Status | None
    phase: Phase | None
    purpose: Purpose = Purpose.FIRST

    def __str__(self) -> str:
        purpose = None if self.purpose is Purpose.FIRST else self.purpose
        return "/".join(filter(None, (self.status or "none", self.phase, purpose)))


class Edge(Struct, frozen=True):
    """A write by its `name`, and each state that it changes with what it comes to then."""

    name: str
    moves: frozenset[tuple[State, State]]

    def sql(self, text: str) -> str:
        """`text` as a statement of this edge.

        In it `{from_phases}` and `{from_statuses}` list where the edge begins, `{status}`,
        `{phase}` and `{purpose}` are where it ends if that is one place; for others see `quoted`.
        """
        return f"/* edge: {self.name} */ {self.reading(text)}"

    def end(self, old: State) -> State:
        """Where it leads from `old`, if that is one place."""
        [new] = [new for before, new in self.moves if before == old]
        return new

    def reading(self, text: str) -> str:
        """As `sql`, for a statement that only looks for what the edge may change."""
        return quoted(
            text,
            from_phases=_listed(old.phase for old, _ in self.moves),
            from_statuses=_listed(old.status for old, _ in self.moves),
            status=_listed(new.status for old, new in self.moves if new.status != old.status),
            phase=_listed(new.phase for _, new in self.moves),
            purpose=_listed(new.purpose for _, new in self.moves if new.phase is not None),
        )


def quoted(text: str, **places: str) -> str:
    """`text` with `{Status.HELD}`, `{Phase.HELD}` and so on as SQL writes them, and `places`."""
    return text.strip().format(Status=_Quoted(Status), Phase=_Quoted(Phase), **places)


class _Quoted:
    """The values of an enum as SQL writes them, by their names."""

    def __init__(self, values: type[StrEnum]) -> None:
        self.__dict__.update({one.name: f"'{one}'" for one in values})


def _listed(values: Iterable[StrEnum | None]) -> str:
    return ", ".join(sorted({f"'{one}'" for one in values if one is not None}))


NOTHING: Final = State(None, None)
WAITING: Final = State(Status.SCHEDULED, Phase.WAITING)
RETRY: Final = State(Status.CLAIMED, Phase.WAITING)
AGAIN: Final = State(Status.UNCERTAIN, Phase.WAITING)
LEASED: Final = State(Status.CLAIMED, Phase.CLAIMED)
LEASED_AGAIN: Final = State(Status.UNCERTAIN, Phase.CLAIMED)
LEAVING: Final = State(Status.CLAIMED, Phase.DATA)
LEAVING_AGAIN: Final = State(Status.UNCERTAIN, Phase.DATA)
HELD: Final = State(Status.HELD, Phase.HELD)
SENT: Final = State(Status.SENT, None)
UNCERTAIN: Final = State(Status.UNCERTAIN, None)
FAILED: Final = State(Status.FAILED, None)
EXPIRED: Final = State(Status.EXPIRED, None)
REFUSED: Final = State(Status.REFUSED, None)
DROPPED: Final = State(Status.DROPPED, None)

#: What a worker has in hand: claimed only, and with the content under way.
_CLAIMS: Final = ((LEASED, RETRY), (LEASED_AGAIN, AGAIN))
_LEAVES: Final = ((LEAVING, RETRY), (LEAVING_AGAIN, AGAIN))


def _edge(name: str, *moves: tuple[State, State]) -> Edge:
    return Edge(name, frozenset(moves))


def _from(olds: Iterable[State], new: State) -> tuple[tuple[State, State], ...]:
    return tuple((old, new) for old in olds)


def _ended(new: State) -> tuple[tuple[State, State], ...]:
    """What became of a second copy says nothing of the first."""
    return (*_from((LEASED, LEAVING), new), *_from((LEASED_AGAIN, LEAVING_AGAIN), UNCERTAIN))


# Planning.
MAKE: Final = _edge("make", (NOTHING, WAITING))
#: The state stays: it goes for another transition, or at another time.
MOVE: Final = _edge("move", (WAITING, WAITING), (HELD, HELD))
REARM: Final = _edge("rearm", (DROPPED, WAITING))
WITHDRAW: Final = _edge("withdraw", *_from((WAITING, HELD), NOTHING))
DISARM: Final = _edge("disarm", *_from((WAITING, HELD), DROPPED))
# The decision at release, and what comes between.
LEASE: Final = _edge("lease", *_from((WAITING, RETRY), LEASED), (AGAIN, LEASED_AGAIN))
DROP: Final = _edge("drop", *_from((WAITING, RETRY), DROPPED), (AGAIN, UNCERTAIN))
ARCHIVE: Final = _edge("archive", (WAITING, DROPPED))
RECALL: Final = _edge("recall", *_CLAIMS)
# What an operator is asked about.
HOLD: Final = _edge("hold", *_from((WAITING, RETRY, AGAIN), HELD))
LET_GO: Final = _edge("let_go", (HELD, WAITING), (HELD, RETRY), (HELD, AGAIN))
CALL_OFF: Final = _edge("call_off", (HELD, EXPIRED), (HELD, UNCERTAIN))
# One that cannot be decided or written: it waits, and is held at last.
FAULT: Final = _edge("fault", *_CLAIMS, *_from((WAITING, RETRY, AGAIN, LEASED, LEASED_AGAIN), HELD))
# Sending.
CONTENT: Final = _edge("content", (LEASED, LEAVING), (LEASED_AGAIN, LEAVING_AGAIN))
TAKEN: Final = _edge("taken", *_from((LEAVING, LEAVING_AGAIN), SENT))
GIVE_BACK: Final = _edge("give_back", *_CLAIMS, *_LEAVES)
PUT_OFF: Final = _edge("put_off", *_CLAIMS, *_LEAVES)
FAIL: Final = _edge("fail", *_ended(FAILED))
EXPIRE: Final = _edge("expire", *_ended(EXPIRED))
REFUSE: Final = _edge("refuse", *_ended(REFUSED))
LAPSE: Final = _edge("lapse", *_CLAIMS)
RESEND: Final = _edge("resend", (LEAVING, AGAIN))
STOP: Final = _edge("stop", (LEAVING_AGAIN, UNCERTAIN))
DOUBT: Final = _edge("doubt", *_from((LEAVING, LEAVING_AGAIN), HELD))
# The past of a demonstration, written as it would have become.
TELL: Final = _edge("tell", *((NOTHING, new) for new in (SENT, FAILED, DROPPED)))

EDGES: Final = (
    MAKE, MOVE, REARM, WITHDRAW, DISARM,
    LEASE, DROP, ARCHIVE, RECALL,
    HOLD, LET_GO, CALL_OFF, FAULT,
    CONTENT, TAKEN, GIVE_BACK, PUT_OFF, FAIL, EXPIRE, REFUSE, LAPSE, RESEND, STOP, DOUBT,
    TELL,
)  # fmt: skip


def picture() -> str:
    """The edges as a table in Markdown: a line for each state, and what it may come to."""
    moves: dict[State, dict[State, list[str]]] = {}
    for edge in EDGES:
        for old, new in sorted(edge.moves, key=str):
            if old != new:
                moves.setdefault(old, {}).setdefault(new, []).append(edge.name)
    lines = [f"| {old} | {'; '.join(map(_way, news.items()))} |" for old, news in moves.items()]
    return "\n".join(["| state | comes to |", "|---|---|", *lines])


def _way(way: tuple[State, list[str]]) -> str:
    new, names = way
    return f"**{new}** by {', '.join(names)}"
