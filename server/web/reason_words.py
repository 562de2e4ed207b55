"""The texts for why nobody is asked, or what a survey waits for."""

from typing import Final

from server.web.words import _

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
    "suppressed/campaign": (
        _("left this survey"),
        _("The survey will not leave: the person left the surveys of this campaign."),
    ),
    "suppressed/quarter": (
        _("asked once a quarter"),
        _(
            "The survey will not leave: the person chose at most one survey every 90 days, and"
            " had one."
        ),
    ),
    "muted": (
        _("asked recently"),
        _(
            "The survey will not leave: by then the address, or the customer, was asked within"
            " the campaign's mute window."
        ),
    ),
    "capped": (
        _("asked often"),
        _(
            "The survey will not leave: by then its address was asked as often as the account"
            " allows, over all campaigns."
        ),
    ),
    "paused": (
        _("campaign stopped"),
        _(
            "The survey will not leave: its campaign is archived, or sending stayed paused for more"
            " than seven days after the survey was due."
        ),
    ),
}

#: Why the customer was not asked, or what the survey waits for: short, and as a sentence.
REASONS: Final = {
    "paused": (
        _("sending paused"),
        _(
            "Sending was paused at that moment, or stayed so for more than seven days after the"
            " survey was due, or the campaign was archived"
        ),
    ),
    "before_activation": (
        _("before the campaign"),
        _("It happened before the campaign was activated, or before its first day"),
    ),
    "after_period": (
        _("after the campaign"),
        _("It happened after the last day of the campaign's period"),
    ),
    "stale": (_("received too late"), _("It was received too long after it happened")),
    "not_first": (
        _("not the first time"),
        _("It was not the first visit to these states, and only the first may ask"),
    ),
    "criteria": (_("outside the criteria"), _("The task is outside the campaign's criteria")),
    "sampled_out": (_("not in the sample"), _("The task is not in the campaign's sample")),
    "opted_out_by_agent": (_("unticked"), _("The survey was unticked for this task")),
    "new_round": (
        _("new visit round"),
        _("A new visit round was opened before this survey was sent"),
    ),
    "task_cancelled": (_("task cancelled"), _("The task was cancelled before sending")),
    "left_state": (_("work resumed"), _("Work on the task had resumed before sending")),
    "no_address": (_("no address"), _("No usable e-mail address was found")),
    "internal": (_("own address"), _("The address is the company's own: its domain, or a user's")),
    "suppressed": (
        _("address refuses mail"),
        _("The address unsubscribed, mail to it bounced, or its mailbox stays full"),
    ),
    "suppressed/campaign": (
        _("left this survey"),
        _("The person left the surveys of this campaign, by the link of a mail"),
    ),
    "suppressed/quarter": (
        _("asked once a quarter"),
        _("The person chose at most one survey every 90 days, and had one"),
    ),
    "muted": (
        _("asked recently"),
        _("The address, or the customer, was already asked within the campaign's mute window"),
    ),
    "cancelled": (_("cancelled"), _("Somebody of the office cancelled it")),
    "answered": (_("answered"), _("The survey was answered")),
    "deadline": (_("too late to answer"), _("The time to answer was over")),
    "resend_requested": (_("sent again"), _("The survey was sent again instead")),
    "capped": (
        _("asked often"),
        _("The address was already asked as often as the account allows, over all campaigns"),
    ),
    "campaign_paused": (
        _("campaign paused"),
        _("The survey waits: its campaign is paused. It goes on once the campaign is resumed."),
    ),
    "sending_off": (
        _("sending switched off"),
        _("The survey waits: all sending is switched off. It goes on once that is switched on."),
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
        _("The survey waits for what becomes of another one to the same address or customer."),
    ),
    "restored": (
        _("database restored"),
        _(
            "The survey will be held back until an operator decides: the database was restored, and"
            " it may have been sent before."
        ),
    ),
}

#: How a completed task counts in the ledger where that is no reason of a decision.
COUNTED: Final = {
    "scheduled": _("Asked: a survey is scheduled or was sent"),
    "no_campaign": _("No campaign selected the task's type and states"),
    "not_selected": _("This campaign did not select the task's type and states"),
}

#: What a campaign would have decided on a step where that is no reason.
REPLAYED: Final = {"scheduled": _("A survey would have been sent, or would still wait")}

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
