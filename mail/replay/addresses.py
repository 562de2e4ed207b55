"""Whom a replay would have asked: addresses as they are now, consent as it was then.

Surveys are judged one after the other in the order of their release, and take the windows of their
addresses as they would have for real. Those that other campaigns sent do not count.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from heapq import nlargest
from operator import attrgetter
from types import MappingProxyType
from typing import Final

from msgspec import Struct, structs

from mail import contacts
from mail.delivery.judging import (
    Addressed,
    AtRelease,
    Dropped,
    find_address,
    judge_addressed,
)
from mail.delivery.known import (
    Known,
    confirm,
    empty_among,
    internal_among,
    possible_addresses,
)
from mail.delivery.outbox import unplanned
from mail.delivery.stages import Candidate, Cleared, Unplanned, Version
from mail.replay.as_if import AsIf
from mail.replay.lines import Line, Scheduled
from rules.address import Mailboxes
from sync.database import Tx
from sync.ids import new_id

_SINCE: Final = """
SELECT id, suppressed_at, quarterly_since FROM contact
WHERE account = $1 AND id = ANY($2)
"""

#: Of a candidate whose address is found: the same object for all of them.
NO_MAILBOXES: Final[Mailboxes] = MappingProxyType({})

#: Where clocks go back, a window may end before one that began earlier, which then still counts.
MARGIN: Final = 2
COUNTED: Final = attrgetter("counted_from")


class Person(Struct, frozen=True, gc=False):
    """Who has an address, and since when (UTC) less or no mail is wanted, where that is so."""

    contact: contacts.Contact
    suppressed_at: datetime | None = None
    quarterly_since: datetime | None = None

    def at(self, moment: datetime) -> contacts.Contact:
        """The contact as it was at `moment`, as far as is known."""
        suppressed, quarterly = self.suppressed_at, self.quarterly_since
        return structs.replace(
            self.contact,
            suppressed=self.contact.suppressed if suppressed and suppressed <= moment else None,
            quarterly=quarterly is not None and quarterly <= moment,
        )


class Survey(Struct, frozen=True, gc=False):
    """A survey that waits for its turn to be judged. `found`: its address, or why it has none."""

    scheduled: Scheduled
    found: Addressed | AtRelease

    @property
    def line(self) -> Line:
        """Its line, with the address if there is one."""
        to = self.found.to.typed if isinstance(self.found, Addressed) else None
        return structs.replace(self.scheduled.line, address=to)

    @property
    def order(self) -> tuple[datetime, datetime, datetime, int, int]:
        """The order in which surveys are judged; those that still wait do not matter."""
        line, released = self.scheduled.line, self.scheduled.released
        if released is None:
            release = self.scheduled.schedule.release
            return release, release, release, line.task.int, line.round
        return released.judged, released.release, released.made, line.task.int, line.round


def unplanned_of(as_if: AsIf, item: Scheduled) -> Unplanned:
    """Return a survey as planning would make it; its id is that of its transition."""
    schedule, released = item.schedule, item.released
    return Unplanned(
        invitation=schedule.transition,
        campaign=as_if.rules.id,
        version=as_if.rules.version,
        task=item.line.task,
        transition=schedule.transition,
        type=item.step.type,
        due=schedule.due,
        ready=schedule.ready,
        release=schedule.release if released is None else released.release,
        state=None if released is None else released.state,
    )


class People:
    """The addresses of a replay, and which of them are the account's own."""

    def __init__(self, as_if: AsIf, version: Version) -> None:
        self._as_if, self._version = as_if, version
        self._people: dict[str, Person] = {}
        self._internal: set[str] = set()

    async def find(self, tx: Tx, scheduled: Sequence[Scheduled]) -> list[Survey]:
        """Return surveys with their addresses. Nothing is locked or written."""
        candidates = await unplanned(tx, [unplanned_of(self._as_if, item) for item in scheduled])
        pairs = [(candidate, self._version) for candidate in candidates]
        await self._read(tx, pairs)
        by_step = {item.line.transition: item for item in scheduled}
        return [self._survey(by_step[item.invitation], item) for item in candidates]

    def judge(self, surveys: Iterable[Survey]) -> Iterator[Line]:
        """Yield the lines of surveys, in the order in which they were released.

        Of those that were released together the one that was planned first goes first, then the
        one of the lower task id.
        """
        campaigns = self._as_if.campaigns
        known = Known(
            now=self._as_if.until,
            places=campaigns.places,
            contacts={},
            empty=frozenset(),
            mutes={},
            open_breakers={},
            internal=frozenset(self._internal),
            recent={
                person.contact.id: []
                for person in self._people.values()
                if campaigns.cap is not None or person.quarterly_since is not None
            },
            cap=campaigns.cap,
            rivals={},
            settled=set(),
        )
        for survey in sorted(surveys, key=attrgetter("order")):
            yield self._judge(survey, known)

    async def _read(self, tx: Tx, pairs: Sequence[tuple[Candidate, Version]]) -> None:
        """Read what is known of the addresses of candidates that were not read before."""
        possible = possible_addresses(pairs) - self._people.keys()
        if not possible:
            return
        found = await contacts.read(tx, possible)
        rows = await tx.fetch(_SINCE, tx.account, [one.id for one in found.values()])
        since = {row["id"]: row for row in rows}
        for address in possible:
            person = Person(contacts.Contact(new_id(), None))
            if address in found:
                row = since[found[address].id]
                person = Person(found[address], row["suppressed_at"], row["quarterly_since"])
            self._people[address] = person
        self._internal |= await internal_among(tx, self._version.identity.domains, possible)

    def _survey(self, item: Scheduled, candidate: Candidate) -> Survey:
        at = candidate.release if item.released is None else item.released.judged
        possible = possible_addresses([(candidate, self._version)])
        empty = empty_among({address: self._people[address].at(at) for address in possible})
        places = self._as_if.campaigns.places
        found = find_address(candidate, self._version, empty, places, at)
        if isinstance(found, Addressed):  # the rest of a candidate is for writing its mail
            kept = structs.replace(candidate, mailboxes=NO_MAILBOXES, customer=None, visit=None)
            found = structs.replace(found, candidate=kept)
        return Survey(item, found)

    def _judge(self, survey: Survey, known: Known) -> Line:
        line, released, outcome = survey.line, survey.scheduled.released, survey.found
        if released is None:
            return line
        if isinstance(outcome, Addressed):
            address = outcome.to.normal
            person = {address: self._people[address].at(released.judged)}
            then = structs.replace(known, now=released.judged, contacts=person)
            outcome = judge_addressed(outcome, then)
            if isinstance(outcome, Cleared):
                confirm(outcome, released.judged, known)
                if outcome.contact in known.recent:  # older ones use up no cap, nor a quarter
                    most = MARGIN * (1 if known.cap is None else known.cap.surveys)
                    uses = known.recent[outcome.contact]
                    known.recent[outcome.contact] = nlargest(most, uses, key=COUNTED)
        if isinstance(outcome, Dropped):
            return structs.replace(line, outcome=outcome.reason.value, choice=outcome.choice)
        return line
