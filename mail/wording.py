"""Texts for the codes of this package: msgids, translated where they are shown."""

from typing import Final


def _(text: str) -> str:
    """Mark `text` for the catalogues; it is translated where it is shown."""
    return text


#: Why a campaign's definition is refused, by the code of `mail.campaigns.validation.Problem`.
PROBLEMS: Final = {
    "required": _("This must be filled in."),
    "negative": _("This cannot be negative."),
    "not_positive": _("This must be more than zero."),
    "not_whole_minutes": _("This must be in whole minutes."),
    "too_long": _("This is too long."),
    "same_as_primary": _("The second address must be another one than the first."),
    "not_a_delay": _("Write it as DD:HH:MM, such as 00:12:00 for twelve hours."),
    "not_an_address": _("This is not an e-mail address."),
    "not_a_link": _("This is not a web address that starts with https:// or http://."),
    "forbidden_characters": _("This contains line breaks or control characters."),
    "repeated": _("This code is already used in the list."),
}
