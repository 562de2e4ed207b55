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

#: What is wrong with the sender's page, by field.
SENDER_PROBLEMS: Final = {
    "legal_name": _("Write the name in one line of at most 200 characters"),
    "postal_address": _("Write the address in at most 1,000 characters"),
    "phone": _("Write one phone number, such as 418 555-0100"),
    "email": _("Write one e-mail address, such as marie@example.org"),
    "url": _("Write a web address that starts with https:// or http://"),
    "domains": _("Write one domain a line, such as example.org, at most 50"),
}

#: What mails lack by law.
LACKING: Final = {
    "legal_name": _("The company's legal name is missing"),
    "postal_address": _("The postal address is missing"),
    "reach": _("A phone number, an e-mail address or a web address is missing"),
}

PROBLEMS: Final = {
    "address": _("Write one e-mail address, such as marie@example.org"),
    "why": _("Write the reason in one line of at most 200 characters"),
    "late": _("This changed since you opened the page: look at it again"),
    "file": _("Paste at least one line; each begins with an address"),
    "too_many": _("Paste at most 10,000 lines at once"),
}
