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

#: Why a survey that waits will not leave if nothing changes: after its short label, and as a
#: sentence. Others have the words of their reason.
BLOCKED: Final = {
    "left_state": (
        _("if the task stays at %(state)s"),
        _("The survey will not leave if the task stays at %(state)s."),
    ),
    "task_cancelled": (
        _("if the task stays at %(state)s"),
        _("The survey will not leave if the task stays cancelled, at %(state)s."),
    ),
    "no_address": (
        _("no address"),
        _("The survey will not leave: there is no usable e-mail address to send it to."),
    ),
    "suppressed": (
        _("address refuses mail"),
        _(
            "The survey will not leave: its address unsubscribed, mail to it bounced, or its"
            " mailbox stays full."
        ),
    ),
    "muted": (
        _("asked recently"),
        _("The survey will not leave: by then its address was asked within the mute window."),
    ),
    "paused": (
        _("campaign archived"),
        _("The survey will not leave: its campaign is archived."),
    ),
}

#: Why the customer was not asked, or what the survey waits for: short, and as a sentence.
REASONS: Final = {
    "paused": (_("campaign paused"), _("The campaign was paused at that moment")),
    "before_activation": (
        _("before the campaign"),
        _("It happened before the campaign was activated"),
    ),
    "stale": (_("received too late"), _("It was received too long after it happened")),
    "not_first": (
        _("not the first time"),
        _("It was not the first visit to these states, and only the first may ask"),
    ),
    "criteria": (_("outside the criteria"), _("The task is outside the campaign's criteria")),
    "sampled_out": (_("not in the sample"), _("The task is not in the campaign's sample")),
    "opted_out_by_agent": (_("unticked"), _("The survey was unticked for this task")),
    "task_cancelled": (_("task cancelled"), _("The task was cancelled before sending")),
    "left_state": (_("work resumed"), _("Work on the task had resumed before sending")),
    "no_address": (_("no address"), _("No usable e-mail address was found")),
    "suppressed": (
        _("address refuses mail"),
        _("The address unsubscribed, mail to it bounced, or its mailbox stays full"),
    ),
    "muted": (_("asked recently"), _("This address was already asked within the mute window")),
    "cancelled": (_("cancelled"), _("Somebody of the office cancelled it")),
    "deadline": (_("too late to answer"), _("The time to answer was over")),
    "capped": (_("asked often"), _("This address was already asked as often as allowed")),
    "campaign_paused": (
        _("campaign paused"),
        _("The survey waits: its campaign is paused. It goes on once the campaign is resumed."),
    ),
    "breaker": (
        _("sender refused"),
        _(
            "The survey waits: a mail server refuses the sender. It leaves by itself once that is"
            " fixed."
        ),
    ),
    "reserved": (
        _("another one first"),
        _("The survey waits for what becomes of another one to the same address."),
    ),
    "restored": (
        _("database restored"),
        _(
            "The survey will be held back until an operator decides: the database was restored, and"
            " it may have been sent before."
        ),
    ),
}

#: Why nothing was cancelled or sent again: by field or code.
SEND_PROBLEMS: Final = {
    "why": _("Write the reason in one line of at most 200 characters"),
    "sent": _("It was sent, is leaving at this moment, or may have been sent."),
    "ended": _("It had ended before: nothing of it waited to be sent."),
    "not_sent": _("It was never sent."),
    "under_way": _("Another mail of it waits or is on its way."),
    "closed": _("It cannot be answered any more: its time is over, or its campaign is archived."),
    "unreachable": _("No mail can go to this address: choose another one."),
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
    "unsubscribed": (_("The customer unsubscribed"), "caution", "none"),
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

#: CSS class and icon of the other entries of a timeline, by kind and code ("" for any code).
LOOKS: Final = {
    ("transition", ""): ("neutral", "move"),
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
FIRST_ANSWER: Final = _("The customer answered")
NEXT_ANSWER: Final = _("The customer changed the answer")
