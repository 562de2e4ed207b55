"""The texts for codes: every status of a survey, reason, event and error that a page may show.

The tables contain msgids. A code that its table does not have is shown as it is.
"""

from typing import Final

from mail.states import Status


def _(text: str) -> str:
    """`text`, marked for the catalogues: it is translated where it is shown."""
    return text


NAVIGATION: Final = {
    "tasks": _("Tasks"),
    "follow-ups": _("Follow-ups"),
    "sends": _("Surveys to come"),
    "refused": _("Refusals"),
    "devices": _("Devices"),
    "campaigns": _("Campaigns"),
    "addresses": _("Addresses"),
    "calendar": _("Calendar"),
    "mailbox": _("Mailbox"),
}

ROLES: Final = {
    "technician": _("Technical staff"),
    "dispatcher": _("Dispatcher"),
    "manager": _("Manager"),
    "administrator": _("Administrator"),
}

CAMPAIGN: Final = {
    "draft": _("Draft"),
    "active": _("Active"),
    "paused": _("Paused"),
    "archived": _("Archived"),
}

#: Priorities that accounts write, in either language; others are shown as they are written.
PRIORITIES: Final = {
    "low": _("Low"),
    "basse": _("Low"),
    "normal": _("Normal"),
    "normale": _("Normal"),
    "high": _("High"),
    "haute": _("High"),
    "urgent": _("Urgent"),
    "urgente": _("Urgent"),
}

#: The CSS class of a priority that is seen from afar.
PRESSING: Final = {
    "high": "caution",
    "haute": "caution",
    "urgent": "negative",
    "urgente": "negative",
}

ADDRESSES: Final = {
    "customer": _("E-mail address of the customer"),
    "location": _("E-mail address of the place"),
    "contact": _("Contact of the task"),
    "billing": _("Billing contact of the customer"),
}

#: The status of a task's survey: label, CSS class and icon.
SURVEY: Final = {
    Status.SCHEDULED: (_("Scheduled"), "neutral", "clock"),
    Status.CLAIMED: (_("Being sent"), "neutral", "clock"),
    Status.SENT: (_("Sent"), "neutral", "mail"),
    "answered": (_("Answered"), "positive", "check"),
    "disputed": (_("Disputed"), "caution", "alert"),
    Status.UNCERTAIN: (_("Uncertain"), "caution", "alert"),
    Status.HELD: (_("Held back"), "caution", "alert"),
    Status.FAILED: (_("Mail refused"), "negative", "alert"),
    Status.EXPIRED: (_("Not delivered"), "negative", "alert"),
    Status.REFUSED: (_("Sender refused"), "negative", "alert"),
    Status.DROPPED: (_("Not sent"), "neutral", "none"),
    "none": (_("Not asked"), "neutral", "none"),
    "blocked": (_("Will not leave"), "caution", "none"),
    "delayed": (_("Waiting"), "caution", "clock"),
    "retrying": (_("To be tried again"), "caution", "clock"),
}

#: Why a task has no result yet, by the status of its survey.
NO_ANSWER: Final = {
    Status.SCHEDULED: _("No answer yet. The survey leaves"),
    Status.CLAIMED: _("No answer yet. The survey is leaving now."),
    Status.SENT: _("No answer yet. The survey was sent"),
    "answered": _("The answer is being counted."),
    "disputed": _("No rating: the customer says that the visit was not theirs."),
    Status.UNCERTAIN: _("No answer yet. Whether the survey arrived is not known."),
    Status.HELD: _("No answer yet. The survey is held back until someone decides."),
    Status.FAILED: _("No survey: the mail server refused the address."),
    Status.EXPIRED: _("No survey: the mail server did not accept it in time."),
    Status.REFUSED: _("No survey: the mail server refused the sender for two days."),
    Status.DROPPED: _("No survey was sent for this task."),
    "none": _("No survey for this task so far."),
    "blocked": _("No answer yet."),
    "delayed": _("No answer yet."),
    "retrying": _("No answer yet. The mail server asked to try later; the next attempt is"),
}

#: What became of the survey that a step led to, once it was sent, given up or held back.
LED_TO: Final = {
    Status.SENT: _("The survey of this step was sent."),
    "answered": _("The survey of this step was sent and answered."),
    "disputed": _(
        "The survey of this step was sent: the customer says that the visit was not theirs."
    ),
    Status.UNCERTAIN: _("Whether the survey of this step arrived is not known."),
    Status.HELD: _("The survey of this step is held back until someone decides."),
    Status.FAILED: _(
        "The survey of this step did not arrive: the mail server refused the address."
    ),
    Status.EXPIRED: _(
        "The survey of this step did not arrive: the mail server did not accept it in time."
    ),
    Status.REFUSED: _(
        "The survey of this step did not arrive: the mail server refused the sender for two days."
    ),
}

#: The events of a mail: text, CSS class and icon.
MAIL: Final = {
    "sent": (_("Survey accepted by the mail server"), "positive", "mail"),
    "deferred": (_("The mail server asks to try again later"), "caution", "clock"),
    "uncertain": (_("It is not known whether the survey arrived"), "caution", "alert"),
    "resent": (_("Survey sent once more"), "neutral", "mail"),
    "held": (_("Survey held back until someone decides"), "caution", "alert"),
    "held_restored": (
        _("Survey held back: the database was restored, and it may have been sent before"),
        "caution",
        "alert",
    ),
    "let_go": (_("Survey let go by an operator"), "neutral", "mail"),
    "called_off": (_("Survey called off by an operator"), "neutral", "none"),
    "failed": (_("Survey refused by the mail server"), "negative", "alert"),
    "bounced": (_("Survey came back: the address does not take it"), "negative", "alert"),
    "expired": (_("Survey given up after two days of trying"), "negative", "alert"),
    "full": (
        _("Survey given up: the mailbox took nothing for two days"),
        "negative",
        "alert",
    ),
    "refused": (_("Survey given up: the sender was refused for two days"), "negative", "alert"),
    "dropped": (_("Survey not sent"), "neutral", "none"),
    "cancelled": (_("Mail cancelled by the office"), "neutral", "none"),
    "resend_requested": (_("The office asked for the survey to be sent again"), "neutral", "mail"),
    "reminded": (_("Reminder accepted by the mail server"), "positive", "mail"),
    "reminder_dropped": (_("Reminder not sent"), "neutral", "none"),
    "unsubscribed": (_("The customer unsubscribed"), "caution", "none"),
    "left_campaign": (_("The customer left the surveys of this campaign"), "caution", "none"),
    "quarterly": (
        _("The customer chose at most one survey every 90 days"),
        "caution",
        "none",
    ),
    "resubscribed": (_("The customer subscribed again"), "neutral", "mail"),
}

REFUSALS: Final = {
    "unknown_state": _("This account has no such state"),
    "no_authority": _("The task was not this technician's at that moment"),
    "id_reused": _("Its id was already used for something else"),
}

VERDICTS: Final = {
    "refused": _("refused"),
    "parked": _("waiting until its task is known"),
}

#: The heading that thanks for an answer, by its sentiment.
THANKS: Final = {
    "positive": _("Thank you, that is good to read"),
    "neutral": _("Thank you"),
    "negative": _("Thank you for telling us"),
}

#: Kinds of questions; `several`: a list from which several may be chosen.
QUESTION_KINDS: Final = {
    "thumbs": _("Thumbs up or down"),
    "stars": _("Stars, 1 to 5"),
    "effort": _("Effort, 1 to 7, where 7 is easy"),
    "nps": _("Likelihood to recommend, 0 to 10"),
    "choice": _("A list to choose one from"),
    "several": _("A list to choose several from"),
    "text": _("Open text"),
}

#: The campaign's own words of thanks, by the sentiment of the rating.
THANKS_AFTER: Final = {
    "negative": _("Thanks after a low rating"),
    "neutral": _("Thanks after a middling rating"),
    "positive": _("Thanks after a high rating"),
}

#: After which ratings a question is asked, by their sentiment.
ASKED_AFTER: Final = {
    "negative": _("Only after a low rating"),
    "neutral": _("Only after a middling rating"),
    "positive": _("Only after a high rating"),
}

#: CSS class and icon of the other entries of a timeline, by kind and code ("" for any code).
LOOKS: Final = {
    ("transition", ""): ("neutral", "move"),
    ("round", ""): ("neutral", "clock"),
    ("decision", "scheduled"): ("neutral", "check"),
    ("decision", ""): ("neutral", "none"),
    ("answer", ""): ("neutral", "star"),
    ("refused", ""): ("negative", "alert"),
    ("parked", ""): ("caution", "clock"),
}

#: A time less than a minute ago, and less than a minute ahead.
JUST_NOW: Final = _("just now")
SOON: Final = _("in a moment")

DECIDED: Final = _("Survey scheduled")
NOT_SENT: Final = _("Not sent: %(why)s")
NO_SURVEY: Final = _("No survey follows: %(why)s.")
NO_REMINDER: Final = _("No reminder follows: %(why)s.")
FIRST_ANSWER: Final = _("The customer answered")
NEXT_ANSWER: Final = _("The customer changed the answer")
