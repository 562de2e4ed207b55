"""Words about the tasks that a campaign asks about: msgids by code, as in `server.web.words`."""

from typing import Final


def _(text: str) -> str:
    """Mark `text` for the catalogues; it is translated where it is shown."""
    return text


#: The criteria of a campaign, by their names in its definition.
CRITERIA: Final = {
    "units": _("Units, with those below"),
    "priorities": _("Priority"),
    "reasons": _("Reason for the visit"),
    "channels": _("Channel of the request"),
    "account_managers": _("Account manager"),
    "tags": _("Tags of the task"),
    "customer_tags": _("Tags of the customer"),
}

#: The channels of requests as they are usually written, by what accounts write.
CHANNELS: Final = {
    "phone": _("Phone"),
    "email": _("E-mail"),
    "e-mail": _("E-mail"),
    "web": _("Web form"),
    "web_form": _("Web form"),
    "social": _("Social network"),
    "messaging": _("Messaging"),
    "on_site": _("On site"),
}

#: From when to when a campaign asks, by whether it has a first and a last day.
PERIODS: Final = {
    (False, False): _("Permanent"),
    (True, False): _("From %(first)s on"),
    (False, True): _("Until %(last)s"),
    (True, True): _("From %(first)s to %(last)s"),
}
