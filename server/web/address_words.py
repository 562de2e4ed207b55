"""The texts about addresses: suppressions, files of them, and who sends.

The tables contain msgids, as those of `words`.
"""

from typing import Final

from server.web.words import _

#: Why an address is not written to.
SUPPRESSIONS: Final = {
    "unsubscribed": _("Unsubscribed"),
    "bounced": _("Does not exist"),
    "full": _("Mailbox stays full"),
    "complaint": _("Complained"),
}

SOURCES: Final = {
    "link": _("by the link of a mail"),
    "refusal": _("the mail server refused"),
    "import": _("by import"),
    "staff": _("by hand"),
}

#: What becomes of a line of a file.
IMPORTED: Final = {
    "added": _("Added"),
    "present": _("Already there"),
    "bad_address": _("Refused: not an e-mail address"),
    "unknown_reason": _("Refused: unknown reason"),
}

PROBLEMS: Final = {
    "address": _("Write one e-mail address, such as marie@example.org"),
    "why": _("Write the reason in one line of at most 200 characters"),
    "late": _("This changed since you opened the page: look at it again"),
    "file": _("Paste at least one line; each begins with an address"),
    "too_many": _("Paste at most 10,000 lines at once"),
}
