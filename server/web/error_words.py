"""The texts of what went wrong: in a form, at the sign-in, and on pages of errors.

The tables contain msgids, as those of `words`.
"""

from typing import Final

from server.web.words import _

#: Why nobody is signed in: title, and what to do.
LOGIN: Final = {
    "login_refused": (_("Wrong address or password"), _("Check both, then try again.")),
    "throttled": (_("Too many attempts"), _("Wait a few minutes, then try again.")),
    "forbidden": (
        _("The console is for the office"),
        _("Your account works in the app, on the device that is enrolled for you."),
    ),
    "session_ended": (
        _("Your session has ended"),
        _("Nothing was recorded. Sign in, and you are back on the page."),
    ),
}

#: What is wrong with an answer, by field.
ANSWER_PROBLEMS: Final = {
    "rating": _("Choose from one to five stars"),
    "value": _("Choose one of the values"),
    "reasons": _("Choose a reason from the list"),
    "comment": _("Shorten your comment"),
    "no_comment": _("Write a comment: with this rating we need to know why"),
    "long": _("Shorten your answer"),
    "further": _("Answer this question"),
    "phone": _(
        "Write a phone number with its area code, such as 418 555-0199, or untick the call back"
    ),
    "too_often": _(
        "You changed your answer very often. Wait a minute and send it again: what you wrote is"
        " still here."
    ),
}

#: Why a dispatcher's transition was not recorded, by field; `id`: the form was sent before.
MOVE_PROBLEMS: Final = {
    "state": _("Choose a state from the list"),
    "note": _("Shorten the note to 4,000 characters"),
    "why": _("Write the reason in one line of at most 200 characters"),
    "moment": _("Write a day and a time that are not in the future"),
    "id": _("This form was sent before with something else in it. Look at it, then save again."),
}

#: Why nobody was asked again, by field or by code.
ASK_PROBLEMS: Final = {
    "why": MOVE_PROBLEMS["why"],
    "round": _("Another round was opened meanwhile. Look at it, then decide."),
    "campaign": _("Choose a campaign from the list"),
    "asked": _(
        "This round has a survey of this campaign already, as the list says. To ask again, open a"
        " new visit round."
    ),
    "not_active": _("This campaign is not active, or all sending is switched off."),
    "no_step": _("No step was recorded in this visit round: there is nothing to ask about yet."),
}

#: Title and text of error pages: by status, and by code where the reader can do something.
ERRORS: Final[dict[int | str, tuple[str, str]]] = {
    "bad_cookie": (
        _("A cookie of this site cannot be read"),
        _("Delete the cookies of this site in your browser, then try again."),
    ),
    "long_head": (
        _("The address or the cookies are too long"),
        _("Shorten the search, or delete the cookies of this site in your browser."),
    ),
    "cross_origin": (
        _("This came from another site"),
        _("Nothing was changed. Open the page here, and send the form from there."),
    ),
    "slow_body": (
        _("The form took too long to arrive"),
        _("Nothing was changed. Check your connection, go back and send it again."),
    ),
    400: (_("This request cannot be read"), _("Nothing was changed. Go back and try again.")),
    401: (_("Your session has ended"), _("Nothing was changed. Sign in, then try again.")),
    403: (_("You may not do this"), _("Nothing was changed. Ask an administrator for the right.")),
    404: (
        _("Page not found"),
        _("There is nothing at this address, or it is not yours to see. Check the address."),
    ),
    405: (
        _("There is no page at this address"),
        _("This address only takes forms. Nothing was changed. Open the page of the form."),
    ),
    409: (
        _("Somebody was faster"),
        _("Nothing was changed: it has changed since you opened the page. Open the page again."),
    ),
    413: (_("That was too large"), _("Nothing was changed. Send less at once.")),
    429: (_("Too many requests"), _("Nothing was changed. Wait a few minutes, then try again.")),
    500: (
        _("Something went wrong on our side"),
        _("What you sent may not be kept. Try again; if it fails again, tell your administrator."),
    ),
    503: (
        _("Retour is not available right now"),
        _("Nothing was lost. Try again in a few seconds."),
    ),
}
