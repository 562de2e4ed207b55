"""The definition of a campaign: what one version of it says, and how that is stored.

A version never changes, so it stays in the format in which it was written; reading converts it to
the current one. `format_`: the column `campaign_version.format`.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Final, Literal, TypeAlias, TypeVar
from uuid import UUID

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import asdict

from mail.campaigns.criteria import Company, CriteriaNamed
from rules.campaign import PRIORITY, AddressField, Campaign, Pause, Rule, Selected, Status
from rules.timing import EARLIEST, parse_delay

#: Languages of texts; a reader of another country's variant gets them too (`mail.i18n`).
Language: TypeAlias = Literal["fr", "en", "es", "fr_CA", "en_CA"]
Line: TypeAlias = Annotated[str, Meta(max_length=200)]
Lines: TypeAlias = dict[Language, Line]
Paragraphs: TypeAlias = dict[Language, Annotated[str, Meta(max_length=4000)]]
Information: TypeAlias = dict[Language, Annotated[str, Meta(max_length=800)]]
Code: TypeAlias = Annotated[str, Meta(pattern=r"\A[a-z0-9_]{1,40}\Z")]
Address: TypeAlias = Annotated[str, Meta(max_length=254)]
Days: TypeAlias = Annotated[int, Meta(ge=1, le=3650)]
Percent: TypeAlias = Annotated[int, Meta(ge=1, le=100)]
Priority: TypeAlias = Annotated[int, Meta(ge=1, le=9)]

#: The format that is written.
FORMAT: Final = 4

#: Converts a document to the next format.
Change: TypeAlias = Callable[[dict[str, Any]], dict[str, Any]]
Part = TypeVar("Part", bound=Struct)

BEST_RATING: Final = 5
#: The sentiment of an answer; stored with it, since a later version may judge otherwise.
Sentiment: TypeAlias = Literal["negative", "neutral", "positive"]


class Trigger(Struct, frozen=True, forbid_unknown_fields=True):
    """Any of these task types entering any of these states triggers the campaign."""

    task_types: Annotated[list[UUID], Meta(max_length=200)]
    states: Annotated[list[Annotated[str, Meta(max_length=40)]], Meta(max_length=200)]


class Question(Struct, frozen=True, forbid_unknown_fields=True):
    """The leading question: one to five stars, with words for both ends of the scale."""

    text: Lines
    low: Lines = {}
    high: Lines = {}
    kind: Literal["stars"] = "stars"


class ReasonChoice(Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of the list of reasons that a negative rating opens."""

    code: Code
    label: Lines


class Message(Struct, frozen=True, forbid_unknown_fields=True):
    """The mail. Without `sender_address` its sender is the server's default."""

    sender_name: Line
    subject: Lines
    title: Lines
    body: Paragraphs
    sender_address: Address | None = None
    reply_to: Address | None = None


NegativeAt: TypeAlias = Annotated[int, Meta(ge=0, le=4)]
PositiveAt: TypeAlias = Annotated[int, Meta(ge=1, le=5)]
Reasons: TypeAlias = Annotated[list[ReasonChoice], Meta(max_length=50)]
PrivacyUrl: TypeAlias = Annotated[str, Meta(max_length=500)]


class Rules(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whom a campaign asks, and when.

    `delay`, `mute`: DD:HH:MM; null is no mute window. `mute_per`: whom that leaves alone, an
    address, or a customer at whatever address. `delay_in`: which time the delay counts, all that
    passes or only the account's working hours. `priority`: where the account's cap has no room for
    all, the larger goes first. `deadline_days`: how long after sending answers are accepted.
    `stale_days`: a transition older than this at reception asks nobody; null is no limit.
    `sample_percent`: of the tasks, 100 for all. `first_day`, `last_day`: in the account's time
    zone, between which moments may ask; null is no bound. `reminders`: how many mails at most
    remind of a survey that is not answered. `reminder_days`: how many days after the mail before
    each goes, at the same time by the clocks of the location.
    """

    rules: Annotated[list[Trigger], Meta(max_length=100)]
    delay: str = "00:00:00"
    delay_in: Literal["elapsed", "working"] = "elapsed"
    mute: str | None = None
    mute_per: Literal["address", "customer"] = "address"
    priority: Priority = PRIORITY
    primary: AddressField = AddressField.CUSTOMER
    secondary: AddressField | None = None
    deadline_days: Days = 28
    stale_days: Days | None = 7
    opt_out_allowed: bool = False
    criteria: CriteriaNamed = CriteriaNamed()
    sample_percent: Percent = 100
    first_day: date | None = None
    last_day: date | None = None
    reminders: Annotated[int, Meta(ge=0, le=3)] = 0
    reminder_days: Annotated[int, Meta(ge=1, le=27)] = 7

    @property
    def deadline(self) -> timedelta:
        """How long answers are accepted after sending."""
        return timedelta(days=self.deadline_days)

    @property
    def mute_window(self) -> timedelta | None:
        """At most one survey is sent to whom it leaves alone in this time; None: no limit."""
        return None if self.mute is None else parse_delay(self.mute)


class Lead(Question, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The leading question, with the sentiments of its values.

    `negative_at`: values up to this one are negative; 0: none. `positive_at`: values from this
    one on are positive unless they are negative. `reasons`: choices for a negative value.
    """

    negative_at: NegativeAt = 2
    positive_at: PositiveAt = 4
    reasons: Reasons = []

    def sentiment(self, value: int | None) -> Sentiment | None:
        """The sentiment of `value` (1 to 5; None has none). A negative one opens the reasons."""
        if value is None:
            return None
        if value <= self.negative_at:
            return "negative"
        return "positive" if value >= self.positive_at else "neutral"


class Content(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Texts of the mail and the survey page, and the questions."""

    lead: Lead
    message: Message
    information: Information = {}
    privacy_url: PrivacyUrl | None = None


class Definition(Rules, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One version of a campaign: the fields of its rules and of its content.

    The two are stored apart: deciding reads the rules of all campaigns when one of them has
    changed, while texts are read where mails are sent. `negative_at`: ratings up to this one are
    negative; 0: none.
    """

    question: Question
    message: Message
    negative_at: NegativeAt = 2
    reasons: Reasons = []
    information: Information = {}
    privacy_url: PrivacyUrl | None = None

    @property
    def content(self) -> Content:
        """The part that customers see."""
        return Content(
            lead=Lead(**asdict(self.question), negative_at=self.negative_at, reasons=self.reasons),
            message=self.message,
            information=self.information,
            privacy_url=self.privacy_url,
        )


class LaterFormatError(RuntimeError):
    """A document was written by a later release of Retour, which this one would misread."""


class Stored(Struct, frozen=True):
    """A version as it is stored: two JSON documents and their format."""

    rules: str
    content: str
    format: int


def triggers(rules: Rules) -> tuple[Rule, ...]:
    """Return which states of which task types make a campaign ask."""
    return tuple(Rule(frozenset(rule.task_types), frozenset(rule.states)) for rule in rules.rules)


def to_rules(
    campaign: UUID,
    version: int,
    rules: Rules,
    status: Status,
    activated_at: datetime | None,
    pauses: tuple[Pause, ...],
    company: Company,
    selected_since: Selected | None = None,
    saved_at: datetime = EARLIEST,
) -> Campaign:
    """Return a campaign as `rules.decide` needs it.

    :raises DelayError: `delay` or `mute` is not DD:HH:MM (`mail.campaigns.validation` reports it).
    """
    return Campaign(
        id=campaign,
        version=version,
        rules=triggers(rules),
        primary=rules.primary,
        secondary=rules.secondary,
        delay=parse_delay(rules.delay),
        in_working_hours=rules.delay_in == "working",
        mute=rules.mute_window,
        mute_per_customer=rules.mute_per == "customer",
        deadline=rules.deadline,
        stale=timedelta(days=rules.stale_days) if rules.stale_days else None,
        status=status,
        activated_at=activated_at,
        pauses=pauses,
        opt_out_allowed=rules.opt_out_allowed,
        period=company.period(rules.first_day, rules.last_day),
        criteria=rules.criteria.for_rules(company),
        sample_percent=rules.sample_percent,
        reminders=rules.reminders,
        reminder_days=rules.reminder_days,
        selected_since=selected_since or {},
        saved_at=saved_at,
        priority=rules.priority,
    )


def _with_lead(content: dict[str, Any]) -> dict[str, Any]:
    """Convert content of format 1, which had threshold and reasons beside its question.

    A rating of 4 was positive.
    """
    lead = {"positive_at": 4, **content["question"]}
    lead |= {name: content[name] for name in ("negative_at", "reasons") if name in content}
    others = ("message", "information", "privacy_url")
    return {"lead": lead, **{name: content[name] for name in others if name in content}}


def _reading(kind: type[Part], changes: Mapping[int, Change]) -> Callable[[str, int], Part]:
    """Return a reader of documents of any format.

    `changes`: by format, the conversion to the next one.
    """
    decoder = msgspec.json.Decoder(kind)

    def read(text: str, format_: int) -> Part:
        """:raises LaterFormatError: the format is newer than this code."""
        if format_ > FORMAT:
            raise LaterFormatError(
                f"format {format_} of a campaign is later than ours, {FORMAT}: upgrade this process"
            )
        outstanding = [changes[step] for step in range(format_, FORMAT) if step in changes]
        if not outstanding:
            return decoder.decode(text)
        document = msgspec.json.decode(text)
        for change in outstanding:
            document = change(document)
        return msgspec.convert(document, kind)

    return read


#: Decode the stored parts of a version, given text and format.
decode_rules: Final = _reading(Rules, {})
decode_content: Final = _reading(Content, {1: _with_lead})
_write: Final = msgspec.json.Encoder().encode


def join(rules: str, content: str, format_: int) -> Definition:
    """Return the definition whose stored parts are these."""
    decoded = decode_content(content, format_)
    lead = {name: getattr(decoded.lead, name) for name in Question.__struct_fields__}
    return Definition(
        **asdict(decode_rules(rules, format_)),
        question=Question(**lead),
        negative_at=decoded.lead.negative_at,
        reasons=decoded.lead.reasons,
        message=decoded.message,
        information=decoded.information,
        privacy_url=decoded.privacy_url,
    )


def split(definition: Definition) -> Stored:
    """Return `definition` in the form in which it is stored."""
    rules = Rules(**{name: getattr(definition, name) for name in Rules.__struct_fields__})
    return Stored(_write(rules).decode(), _write(definition.content).decode(), FORMAT)
