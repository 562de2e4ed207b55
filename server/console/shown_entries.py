"""The entries of a timeline as a task's page shows them."""

from datetime import date, datetime, timedelta
from uuid import UUID

from msgspec import Struct

from server.console.answers_shown import Said
from server.console.outcome import Survey
from server.console.state_labels import StateChip


class FirstStep(Struct, frozen=True):
    """The step that a campaign asked about first, or would have; what became of that.

    `outcome`: of the decision. `invitation`, `survey`: its id and its status, None without one.
    """

    state: StateChip
    at: datetime
    outcome: str
    invitation: UUID | None
    survey: str | None

    def survey_of(self, shown: Survey) -> str | None:
        """The status of its survey, as the page has `shown` it where it is the task's."""
        same = self.invitation is not None and self.invitation == shown.invitation
        return shown.code if same else self.survey


class KeptBackBy(Struct, frozen=True):
    """The survey because of which another one was not sent. `sent`: UTC, None if not known.

    `task`: which it is about, with its `title`; None for one that is about no task.
    """

    task: UUID | None
    title: str
    sent: datetime | None


class EntryShown(Struct, frozen=True, kw_only=True):
    """An entry of the timeline at `at` (UTC); each kind has only some of the fields.

    `kind`: transition, round, decision, mail, answer, refused or parked. `code`: the outcome of a
    decision, the event of a mail, or a verdict. `late`: arrival minus moment, if that is long.
    `before_task`: the transition is older than the task. `by`: who recorded it in the console.
    `arrived`, `accepted`: when one that was not accepted at once was received and accepted;
    `accepted_by`: who accepted it. `captured`, `unusable`: an address captured in the field, to
    which mail can or cannot be sent. `first`: the step that came first, for `not_first`.
    `dismissed`: when `by` dismissed it for the reason `note`. `number`: of a round, which `by`
    opened for the reason `note`. Of a decision, `note`: why `by` sent its survey by hand;
    `kept_back_by`: the survey that was in its way.
    """

    kind: str
    at: datetime
    code: str = ""
    state: StateChip | None = None
    who: str = ""
    note: str | None = None
    late: timedelta | None = None
    unexpected: bool = False
    before_task: bool = False
    unticked: bool = False
    unticked_because: str | None = None
    by: str = ""
    arrived: datetime | None = None
    accepted: datetime | None = None
    accepted_by: str = ""
    first: FirstStep | None = None
    dismissed: datetime | None = None
    captured: str | None = None
    unusable: str | None = None
    campaign: str = ""
    release: datetime | None = None
    address: str | None = None
    detail: str | None = None
    version: int = 0
    dropped: int = 0
    said: Said | None = None
    call_back: bool = False
    phone: str = ""
    not_me: bool = False
    reason: str | None = None
    number: int = 0
    kept_back_by: KeptBackBy | None = None


class Day(Struct, frozen=True):
    """The entries of one day in the reader's zone."""

    date: date
    entries: list[EntryShown]


class TimelineView(Struct, frozen=True):
    """A page of the timeline, earliest first.

    `earlier`, `later`: the query strings of the pages before and after it, empty for none.
    """

    days: list[Day]
    earlier: str
    later: str
