"""The definition of a campaign: what one version says. `mail.campaigns.formats` stores it."""

from datetime import date, datetime, timedelta
from typing import Annotated, Literal, TypeAlias
from uuid import UUID

from msgspec import Meta, Struct
from msgspec.structs import asdict, force_setattr

from mail.campaigns.criteria import Company, CriteriaNamed
from mail.campaigns.questions import (
    Bank,
    Choices,
    FromBank,
    FurtherQuestion,
    Lead,
    NegativeAt,
    PositiveAt,
    Question,
    Score,
)
from mail.campaigns.texts import Information, Message, Page, Url
from rules.campaign import PRIORITY, AddressField, Campaign, Pause, Rule, Selected, Status
from rules.timing import EARLIEST, parse_delay

Days: TypeAlias = Annotated[int, Meta(ge=1, le=3650)]
Percent: TypeAlias = Annotated[int, Meta(ge=1, le=100)]
Priority: TypeAlias = Annotated[int, Meta(ge=1, le=9)]
Further: TypeAlias = Annotated[list[FurtherQuestion], Meta(max_length=30)]


class Trigger(Struct, frozen=True, forbid_unknown_fields=True):
    """Any of these task types entering any of these states triggers the campaign."""

    task_types: Annotated[list[UUID], Meta(max_length=200)]
    states: Annotated[list[Annotated[str, Meta(max_length=40)]], Meta(max_length=200)]


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


class Content(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Texts of the mail and the survey page, and the questions (`mail.campaigns.asked`)."""

    lead: Lead
    message: Message
    information: Information = {}
    privacy_url: Url | None = None
    page: Page = Page()
    further: Further = []
    from_bank: Bank | None = None
    measure_nps: bool = False


class Definition(Rules, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One version of a campaign: the fields of its rules and of its content.

    The two are stored apart: deciding reads the rules of all campaigns when one of them has
    changed, while texts are read where mails are sent. `negative_at`, `positive_at`, `reasons`,
    `comment_required_at`: of the leading `question`, as of `Lead`. `further`: questions that follow
    it; then come those `from_bank`, and with `measure_nps` the NPS question.
    """

    question: Question
    message: Message
    negative_at: NegativeAt | None = None
    positive_at: PositiveAt | None = None
    reasons: Choices = []
    comment_required_at: Score | None = None
    further: Further = []
    from_bank: FromBank | None = None
    measure_nps: bool = False
    information: Information = {}
    privacy_url: Url | None = None
    page: Page = Page()

    def __post_init__(self) -> None:
        lead = self.lead
        force_setattr(self, "negative_at", lead.negative_at)
        force_setattr(self, "positive_at", lead.positive_at)

    @property
    def lead(self) -> Lead:
        """The leading question."""
        return Lead(
            **asdict(self.question),
            negative_at=self.negative_at,
            positive_at=self.positive_at,
            reasons=self.reasons,
            comment_required_at=self.comment_required_at,
        )

    @property
    def content(self) -> Content:
        """The part that customers see, without copies of the bank's questions."""
        bank = self.from_bank
        return Content(
            lead=self.lead,
            message=self.message,
            information=self.information,
            privacy_url=self.privacy_url,
            page=self.page,
            further=self.further,
            from_bank=None if bank is None else Bank(**asdict(bank)),
            measure_nps=self.measure_nps,
        )


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
