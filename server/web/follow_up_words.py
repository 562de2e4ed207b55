"""The texts of follow-ups: what there is to do, who did it, and what kept it from being done.

The tables contain msgids.
"""

from typing import Final


def _(text: str) -> str:
    """`text`, marked for the catalogues: it is translated where it is shown."""
    return text


#: Follow-ups by kind: what there is to do, how many, the button, who did it; CSS class and icon.
FOLLOW_UPS: Final = {
    "call_back": (
        _("Asks to be called back"),
        _("To call back"),
        _("Mark as handled"),
        _("Handled by %(name)s"),
        "caution",
        "phone",
    ),
    "negative": (
        _("Negative answer to read"),
        _("Negative answers"),
        _("Mark as read"),
        _("Read by %(name)s"),
        "negative",
        "star",
    ),
    "disputed": (
        _("Says that the visit was not theirs"),
        _("Disputed visits"),
        _("Mark as handled"),
        _("Handled by %(name)s"),
        "caution",
        "alert",
    ),
}

#: The same of one that is closed, where the words would still ask for something.
CLOSED: Final = {"negative": _("Negative answer")}

#: What there is to do, beside the status of a task's survey.
MARKS: Final = {
    "call_back": _("Asks to be called back"),
    "negative": _("To read"),
    "disputed": _("To handle"),
}

#: What appears in a list of follow-ups that is empty.
NO_FOLLOW_UPS: Final = {
    "call_back": _(
        "When a customer asks to be called back, it appears here with the number, until somebody"
        " marks it as handled."
    ),
    "negative": _("Negative answers appear here until somebody has read them."),
    "disputed": _("When a customer says that the visit was not theirs, it appears here."),
    "handled": _("What was handled appears here, with who did it and what came of it."),
}

#: Why a follow-up was not closed, by what is wrong with its form.
FOLLOW_UP_PROBLEMS: Final = {
    "note": _("Shorten the note to 1,000 characters"),
    "changed": _("The customer changed the answer meanwhile. Look at it, then mark it again."),
    "closed_before": _("Somebody closed this before you, or the customer took it back."),
}
