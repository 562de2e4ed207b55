"""What templates show for codes: the tables of `words`, translated."""

from collections.abc import Callable, Mapping
from datetime import date

from server.web import (
    address_words,
    calendar_words,
    criteria_words,
    error_words,
    follow_up_words,
    words,
)
from server.web.reason_words import BLOCKED, COUNTED, REASONS, REPLAYED, SEND_PROBLEMS
from server.web.times import Calendar


class Words:
    """Labels in one language, translated by its `gettext`.

    Each method takes a code; most give back a code that their table does not have.
    """

    def __init__(self, gettext: Callable[[str], str]) -> None:
        self._gettext = gettext

    def _label(self, table: Mapping[str, str], code: str) -> str:
        return self._gettext(table[code]) if code in table else code

    def navigation(self, name: str) -> str:
        """The label of an entry of the navigation."""
        return self._label(words.NAVIGATION, name)

    def role(self, role: str) -> str:
        """The label of a user's role."""
        return self._label(words.ROLES, role)

    def campaign(self, status: str) -> str:
        """The label of a campaign's status."""
        return self._label(words.CAMPAIGN, status)

    def priority(self, written: str) -> str:
        """The label of a task's priority, which its account writes in one of the languages."""
        level = words.PRIORITIES.get(written.casefold())
        return self._gettext(level) if level else written

    def pressing(self, written: str) -> str:
        """The CSS class of a priority; empty for those that nobody has to see from afar."""
        return words.PRESSING.get(written.casefold(), "")

    def criterion(self, name: str) -> str:
        """The label of a criterion of a campaign."""
        return self._label(criteria_words.CRITERIA, name)

    def criterion_value(self, name: str, value: str) -> str:
        """A value of a criterion; priorities and channels have labels."""
        if name == "channels":
            return self._label(criteria_words.CHANNELS, value)
        return self.priority(value) if name == "priorities" else value

    def period(self, first: date | None, last: date | None, calendar: Calendar) -> str:
        """From which to which day a campaign asks."""
        text = self._gettext(criteria_words.PERIODS[first is not None, last is not None])
        days = {"first": first and calendar.day(first), "last": last and calendar.day(last)}
        return text % days

    def address(self, field: str) -> str:
        """The label of a field that an address is taken from."""
        return self._label(words.ADDRESSES, field)

    def suppression(self, reason: str) -> str:
        """Why an address is not written to."""
        return self._label(address_words.SUPPRESSIONS, reason)

    def suppressed_by(self, source: str) -> str:
        """What a suppression comes from."""
        return self._label(address_words.SOURCES, source)

    def address_problem(self, code: str) -> str:
        """What is wrong with a form or file about addresses."""
        return self._label(address_words.PROBLEMS, code)

    def sender_problem(self, field: str) -> str:
        """What is wrong with a field of the sender's page."""
        return self._label(address_words.SENDER_PROBLEMS, field)

    def lacking(self, field: str) -> str:
        """What mails lack by law."""
        return self._label(address_words.LACKING, field)

    def imported(self, result: str) -> str:
        """What became of a line of a file."""
        return self._label(address_words.IMPORTED, result)

    def survey(self, code: str) -> str:
        """The short label of a survey's status; only of known codes."""
        return self._gettext(words.SURVEY[code][0])

    def tone(self, code: str) -> str:
        """The CSS class of a survey's status; only of known codes."""
        return words.SURVEY[code][1]

    def icon(self, code: str) -> str:
        """The icon of a survey's status; only of known codes."""
        return words.SURVEY[code][2]

    def no_answer(self, code: str) -> str:
        """The sentence that says why a task has no result yet, by its survey's status."""
        return self._label(words.NO_ANSWER, code)

    def short_reason(self, code: str) -> str:
        """Why a customer was not asked, for a list."""
        return self._gettext(REASONS[code][0]) if code in REASONS else code

    def reason(self, code: str) -> str:
        """Why a customer was not asked, as a sentence."""
        return self._gettext(REASONS[code][1]) if code in REASONS else code

    def counted(self, outcome: str) -> str:
        """How a completed task counts in the ledger, as a sentence."""
        return self._label(COUNTED, outcome) if outcome in COUNTED else self.reason(outcome)

    def replayed(self, outcome: str) -> str:
        """What a campaign would have decided on a step, as a sentence."""
        return self._label(REPLAYED, outcome) if outcome in REPLAYED else self.reason(outcome)

    def blocked(self, reason: str, state: str, *, short: bool = False) -> str:
        """Why a survey will not leave if the task stays in `state`, a code; or `short`, for a list.

        A reason without words of its own has those of `reason` or `short_reason`.
        """
        if reason not in BLOCKED:
            return self.short_reason(reason) if short else f"{self.reason(reason)}."
        return self._gettext(BLOCKED[reason][0 if short else 1]) % {"state": state}

    def decision(self, outcome: str) -> str:
        """What a campaign decided on a transition."""
        if outcome == "scheduled":
            return self._gettext(words.DECIDED)
        return self._gettext(words.NOT_SENT) % {"why": self._within(outcome)}

    def first_step(self, outcome: str, survey: str | None) -> str:
        """What became of the step that came first: its survey's status, else why it asks nobody."""
        if outcome == "scheduled":
            return self.survey(survey) if survey in words.SURVEY else self.decision(outcome)
        return self.decision(outcome)

    def no_survey(self, reason: str) -> str:
        """That no survey follows from a step, and why."""
        return self._gettext(words.NO_SURVEY) % {"why": self._within(reason)}

    def no_reminder(self, reason: str) -> str:
        """That a reminder which waits will not leave, and why."""
        return self._gettext(words.NO_REMINDER) % {"why": self._within(reason)}

    def led_to(self, code: str) -> str:
        """What became of the survey that a step led to; empty for one that never left."""
        return self._gettext(words.LED_TO[code]) if code in words.LED_TO else ""

    def _within(self, reason: str) -> str:
        """The sentence of a reason, to stand within another one."""
        why = self.reason(reason)
        return why[:1].lower() + why[1:]

    def mail(self, kind: str) -> str:
        """What happened to a mail, by the kind of the event."""
        return self._gettext(words.MAIL[kind][0]) if kind in words.MAIL else kind

    def detail(self, detail: str) -> str:
        """The detail of a mail event: the sentence of a reason, else the server's own text."""
        return self.reason(detail)

    def look(self, kind: str, code: str) -> tuple[str, str]:
        """The CSS class and the icon of an entry of the timeline."""
        if kind == "mail":
            return words.MAIL[code][1:] if code in words.MAIL else ("neutral", "mail")
        return words.LOOKS.get((kind, code)) or words.LOOKS[kind, ""]

    def answer(self, version: int) -> str:
        """That the customer answered, or changed the answer."""
        return self._gettext(words.FIRST_ANSWER if version == 1 else words.NEXT_ANSWER)

    def verdict(self, verdict: str) -> str:
        """The label of the verdict on a transition that was not accepted."""
        return self._label(words.VERDICTS, verdict)

    def refusal(self, reason: str | None) -> str:
        """Why a transition was refused; empty for None."""
        return self._label(words.REFUSALS, reason or "")

    def login_title(self, problem: str) -> str:
        """Why nobody is signed in, in short; only of known codes."""
        return self._gettext(error_words.LOGIN[problem][0])

    def login_text(self, problem: str) -> str:
        """What to do about that."""
        return self._gettext(error_words.LOGIN[problem][1])

    def follow_up(self, kind: str, *, is_closed: bool = False) -> str:
        """What there is to do, or what there was, by the kind of a follow-up."""
        open_words = follow_up_words.FOLLOW_UPS[kind][0]
        closed_words = follow_up_words.CLOSED.get(kind, open_words)
        return self._gettext(closed_words if is_closed else open_words)

    def follow_up_mark(self, kind: str) -> str:
        """What there is to do, beside the status of a task's survey."""
        return self._label(follow_up_words.MARKS, kind)

    def follow_ups(self, kind: str) -> str:
        """The heading of all follow-ups of a kind."""
        return self._gettext(follow_up_words.FOLLOW_UPS[kind][1])

    def close_follow_up(self, kind: str) -> str:
        """The button that closes a follow-up."""
        return self._gettext(follow_up_words.FOLLOW_UPS[kind][2])

    def closed_follow_up(self, kind: str, name: str) -> str:
        """Who closed a follow-up."""
        return self._gettext(follow_up_words.FOLLOW_UPS[kind][3]) % {"name": name}

    def follow_up_look(self, kind: str) -> tuple[str, str]:
        """The CSS class and the icon of a follow-up."""
        return follow_up_words.FOLLOW_UPS[kind][4:]

    def no_follow_up(self, kind: str) -> str:
        """What will appear in an empty list of follow-ups."""
        return self._label(follow_up_words.NO_FOLLOW_UPS, kind)

    def follow_up_problem(self, wrong: str) -> str:
        """Why a follow-up was not closed."""
        return self._label(follow_up_words.FOLLOW_UP_PROBLEMS, wrong)

    def thanks(self, sentiment: str | None) -> str:
        """The heading that thanks for an answer; None: it has no rating."""
        return self._label(words.THANKS, sentiment or "neutral")

    def question_kind(self, kind: str, *, several: bool = False) -> str:
        """What a question is: its scale, or how it is answered."""
        return self._label(words.QUESTION_KINDS, "several" if several else kind)

    def thanks_after(self, sentiment: str) -> str:
        """After which ratings words of thanks are shown."""
        return self._label(words.THANKS_AFTER, sentiment)

    def asked_after(self, sentiment: str) -> str:
        """After which ratings a question is asked."""
        return self._label(words.ASKED_AFTER, sentiment)

    def answer_problem(self, field: str) -> str:
        """Why an answer was not recorded, by the field to correct."""
        return self._label(error_words.ANSWER_PROBLEMS, field)

    def ask_problem(self, code: str) -> str:
        """Why nobody was asked again."""
        return self._label(error_words.ASK_PROBLEMS, code)

    def send_problem(self, code: str) -> str:
        """Why a survey was not cancelled, or not sent again."""
        return self._label(SEND_PROBLEMS, code)

    def move_problem(self, field: str) -> str:
        """Why a dispatcher's transition was not recorded, by the field to correct."""
        return self._label(error_words.MOVE_PROBLEMS, field)

    def calendar_problem(self, field: str) -> str:
        """What is wrong in a field of the calendar, such as mail_hours-monday."""
        return self._label(calendar_words.PROBLEMS, field.partition("-")[0])

    def region(self, code: str) -> str:
        """The name of a region that has holidays."""
        return self._label(calendar_words.REGIONS, code)

    def moved(self, because: str, when: str, name: str) -> str:
        """Why a survey goes later than it was ready, at the time `when`; `name`: of a holiday."""
        return self._gettext(calendar_words.MOVED[because]) % {"when": when, "name": name}

    def error_title(self, status: int, code: str) -> str:
        """The title of an error page."""
        return self._gettext(_error(status, code)[0])

    def error_text(self, status: int, code: str) -> str:
        """What an error page says was stored, and what the reader can do."""
        return self._gettext(_error(status, code)[1])


def _error(status: int, code: str) -> tuple[str, str]:
    general = error_words.ERRORS[500 if status >= 500 else 400]
    return error_words.ERRORS.get(code) or error_words.ERRORS.get(status, general)
