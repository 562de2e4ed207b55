"""The states of an invitation, and the edges between them: every write that may change one.

A state is the invitation's `status` with `phase` and `purpose` of its entry in the queue. The
statements that write these columns are formatted by their edge, which adds its name and the values.
All statements of one edge in a transaction are one step.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final, NamedTuple

from msgspec import Struct


class Status(StrEnum):
    """What is known of an invitation; `uncertain`: a copy may have been delivered."""

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
    """How far an entry of the queue is; `data`: its content may be with the server."""

    WAITING = "waiting"
    CLAIMED = "claimed"
    DATA = "data"
    HELD = "held"


class Purpose(StrEnum):
    """Which mail of an invitation is sent: its first one, or a further one.

    A resend is requested by a user, a reminder follows a mail that was accepted and not answered;
    the invitation stays sent meanwhile. The second copy of a mail in doubt has the purpose of the
    first one and is marked by `outbox.resent`; so are further mails, and another first mail, where
    none was accepted for certain.
    """

    FIRST = "first"
    REMINDER = "reminder"
    RESEND = "resend"


class State(NamedTuple):
    """A state; without invitation `status` is None, outside of the queue `phase`.

    `purpose`: in the queue only.
    """

    status: Status | None
    phase: Phase | None
    purpose: Purpose = Purpose.FIRST

    def __str__(self) -> str:
        purpose = None if self.purpose is Purpose.FIRST else self.purpose
        return "/".join(filter(None, (self.status or "none", self.phase, purpose)))


class Edge(Struct, frozen=True):
    """A kind of write: its name, and the pairs of a state and the one that follows it."""

    name: str
    moves: frozenset[tuple[State, State]]

    def sql(self, text: str) -> str:
        """Format `text` as a statement of this edge.

        `{from_phases}` and `{from_statuses}` are lists of where the edge begins; `{status}`,
        `{phase}` and `{purpose}` are where it ends, if all its moves agree; others: see `quoted`.
        """
        return f"/* edge: {self.name} */ {self.reading(text)}"

    def end(self, old: State) -> State:
        """The state that follows `old`, of which there is one."""
        [new] = [new for before, new in self.moves if before == old]
        return new

    def reading(self, text: str) -> str:
        """As `sql`, for a statement that only selects what the edge may change."""
        return quoted(
            text,
            from_phases=_listed(old.phase for old, _ in self.moves),
            from_statuses=_listed(old.status for old, _ in self.moves),
            status=_listed(new.status for old, new in self.moves if new.status != old.status),
            phase=_listed(new.phase for _, new in self.moves),
            purpose=_listed(new.purpose for _, new in self.moves if new.phase is not None),
        )


def quoted(text: str, **places: str) -> str:
    """Format `text` with `{Status.HELD}`, `{Phase.HELD}` ... as SQL literals, and `places`."""
    names = {kind.__name__: _Quoted(kind) for kind in (Status, Phase, Purpose)}
    return text.strip().format(**names, **places)


class _Quoted:
    """The values of an enum as SQL literals, by their names."""

    def __init__(self, values: type[StrEnum]) -> None:
        self.__dict__.update({value.name: f"'{value}'" for value in values})


def _listed(values: Iterable[StrEnum | None]) -> str:
    return ", ".join(sorted({f"'{value}'" for value in values if value is not None}))


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

#: Ends of leases that lead to another attempt: without content, and with it.
_CLAIMS: Final = ((LEASED, RETRY), (LEASED_AGAIN, AGAIN))
_LEAVES: Final = ((LEAVING, RETRY), (LEAVING_AGAIN, AGAIN))


def _edge(name: str, *moves: tuple[State, State]) -> Edge:
    return Edge(name, frozenset(moves))


def _from(olds: Iterable[State], new: State) -> tuple[tuple[State, State], ...]:
    return tuple((old, new) for old in olds)


def _ended(new: State) -> tuple[tuple[State, State], ...]:
    """After a second copy the state stays uncertain, because of the first."""
    return (*_from((LEASED, LEAVING), new), *_from((LEASED_AGAIN, LEAVING_AGAIN), UNCERTAIN))


#: Purposes of further mails: the invitation stays sent, whatever becomes of them.
FURTHER: Final = (Purpose.RESEND, Purpose.REMINDER)


def _of(purpose: Purpose, *phases: Phase) -> tuple[State, ...]:
    """Return the states of a further mail in these phases."""
    return tuple(State(Status.SENT, phase, purpose) for phase in phases)


def _further(
    *moves: tuple[Phase | None, Phase | None], purposes: Iterable[Purpose] = FURTHER
) -> tuple[tuple[State, State], ...]:
    """Return the moves of further mails between phases, None being outside of the queue."""
    return tuple(
        (
            State(Status.SENT, old, purpose) if old else SENT,
            State(Status.SENT, new, purpose) if new else SENT,
        )
        for purpose in purposes
        for old, new in moves
    )


REMINDING: Final = State(Status.SENT, Phase.WAITING, Purpose.REMINDER)
#: What waits of a reminder, or is claimed and may still be taken back.
_UNBEGUN: Final = _of(Purpose.REMINDER, Phase.WAITING, Phase.CLAIMED, Phase.HELD)

#: Ends of a further mail's lease that lead to another attempt, and those that lead to none.
_FURTHER_AGAIN: Final = _further((Phase.CLAIMED, Phase.WAITING), (Phase.DATA, Phase.WAITING))
_FURTHER_ENDED: Final = _further((Phase.CLAIMED, None), (Phase.DATA, None))

# Planning.
MAKE: Final = _edge("make", (NOTHING, WAITING))
#: The state stays; transition or time are other ones.
MOVE: Final = _edge("move", (WAITING, WAITING), (HELD, HELD))
REARM: Final = _edge("rearm", (DROPPED, WAITING))
WITHDRAW: Final = _edge("withdraw", *_from((WAITING, HELD), NOTHING))
DISARM: Final = _edge("disarm", *_from((WAITING, HELD), DROPPED))
# The decision at release, and what prevents it.
LEASE: Final = _edge(
    "lease",
    *_from((WAITING, RETRY), LEASED),
    (AGAIN, LEASED_AGAIN),
    *_further((Phase.WAITING, Phase.CLAIMED)),
)
#: The calendar moved its release; that of a mail that a server was offered stays.
POSTPONE: Final = _edge(
    "postpone",
    *((one, one) for one in (WAITING, RETRY, AGAIN)),
    *_further((Phase.WAITING, Phase.WAITING)),
)
DROP: Final = _edge(
    "drop",
    *_from((WAITING, RETRY), DROPPED),
    (AGAIN, UNCERTAIN),
    *_further((Phase.WAITING, None)),
)
ARCHIVE: Final = _edge("archive", (WAITING, DROPPED))
RECALL: Final = _edge("recall", *_CLAIMS, *_further((Phase.CLAIMED, Phase.WAITING)))
# What people of the office decide.
CANCEL: Final = _edge(
    "cancel",
    *_from((WAITING, RETRY, LEASED, HELD), DROPPED),
    *_further((Phase.WAITING, None), (Phase.CLAIMED, None), (Phase.HELD, None)),
)
#: A resend takes the place of a reminder.
SEND_AGAIN: Final = _edge(
    "send_again",
    *_further((None, Phase.WAITING), purposes=(Purpose.RESEND,)),
    *_from(_UNBEGUN, State(Status.SENT, Phase.WAITING, Purpose.RESEND)),
    (UNCERTAIN, AGAIN),
    *_from((FAILED, EXPIRED, REFUSED), RETRY),
)
# What an operator decides.
HOLD: Final = _edge(
    "hold", *_from((WAITING, RETRY, AGAIN), HELD), *_further((Phase.WAITING, Phase.HELD))
)
LET_GO: Final = _edge(
    "let_go",
    *((HELD, new) for new in (WAITING, RETRY, AGAIN)),
    *_further((Phase.HELD, Phase.WAITING)),
)
CALL_OFF: Final = _edge(
    "call_off", (HELD, EXPIRED), (HELD, UNCERTAIN), *_further((Phase.HELD, None))
)
# A mail that cannot be decided on or written waits, and is held in the end.
FAULT: Final = _edge(
    "fault",
    *_CLAIMS,
    *_from((WAITING, RETRY, AGAIN, LEASED, LEASED_AGAIN), HELD),
    *_further(
        (Phase.CLAIMED, Phase.WAITING), (Phase.WAITING, Phase.HELD), (Phase.CLAIMED, Phase.HELD)
    ),
)
# Sending.
CONTENT: Final = _edge(
    "content",
    (LEASED, LEAVING),
    (LEASED_AGAIN, LEAVING_AGAIN),
    *_further((Phase.CLAIMED, Phase.DATA)),
)
TAKEN: Final = _edge("taken", *_from((LEAVING, LEAVING_AGAIN), SENT), *_further((Phase.DATA, None)))
#: A mail was taken, and the next reminder waits.
REMIND: Final = _edge(
    "remind",
    *_from(
        (
            LEAVING,
            LEAVING_AGAIN,
            *_of(Purpose.RESEND, Phase.DATA),
            *_of(Purpose.REMINDER, Phase.DATA),
        ),
        REMINDING,
    ),
)
#: Whom it would remind has answered, or wants no mail any more.
SPARE: Final = _edge("spare", *_from(_UNBEGUN, SENT))
GIVE_BACK: Final = _edge("give_back", *_CLAIMS, *_LEAVES, *_FURTHER_AGAIN)
PUT_OFF: Final = _edge("put_off", *_CLAIMS, *_LEAVES, *_FURTHER_AGAIN)
FAIL: Final = _edge("fail", *_ended(FAILED), *_FURTHER_ENDED)
EXPIRE: Final = _edge("expire", *_ended(EXPIRED), *_FURTHER_ENDED)
REFUSE: Final = _edge("refuse", *_ended(REFUSED), *_FURTHER_ENDED)
LAPSE: Final = _edge("lapse", *_CLAIMS, *_further((Phase.CLAIMED, Phase.WAITING)))
RESEND: Final = _edge("resend", (LEAVING, AGAIN))
STOP: Final = _edge("stop", (LEAVING_AGAIN, UNCERTAIN), *_further((Phase.DATA, None)))
HOLD_IN_DOUBT: Final = _edge("hold_in_doubt", *_from((LEAVING, LEAVING_AGAIN), HELD))
# The history of a demonstration.
TELL: Final = _edge("tell", *((NOTHING, new) for new in (SENT, FAILED, DROPPED)))

EDGES: Final = (
    MAKE, MOVE, REARM, WITHDRAW, DISARM,
    LEASE, POSTPONE, DROP, ARCHIVE, RECALL,
    CANCEL, SEND_AGAIN, HOLD, LET_GO, CALL_OFF, FAULT,
    CONTENT, TAKEN, REMIND, SPARE,
    GIVE_BACK, PUT_OFF, FAIL, EXPIRE, REFUSE, LAPSE, RESEND, STOP, HOLD_IN_DOUBT,
    TELL,
)  # fmt: skip


def picture() -> str:
    """Return the edges as a Markdown table: a row for each state, with those that may follow."""
    moves: dict[State, dict[State, list[str]]] = {}
    for edge in EDGES:
        for old, new in sorted(edge.moves, key=str):
            if old != new:
                moves.setdefault(old, {}).setdefault(new, []).append(edge.name)
    lines = ["| state | comes to |", "|---|---|"]
    for old, by_state in moves.items():
        ways = [f"**{new}** by {', '.join(names)}" for new, names in by_state.items()]
        lines.append(f"| {old} | {'; '.join(ways)} |")
    return "\n".join(lines)
