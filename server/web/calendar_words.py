"""The texts of the calendar: regions, why a survey is moved, and what is wrong in the form.

The tables contain msgids, as those of `words`.
"""

from typing import Final

from server.web.words import _

#: Whose holidays there are (ISO 3166-2).
REGIONS: Final = {
    "CA-AB": _("Alberta"),
    "CA-BC": _("British Columbia"),
    "CA-MB": _("Manitoba"),
    "CA-NB": _("New Brunswick"),
    "CA-NL": _("Newfoundland and Labrador"),
    "CA-NS": _("Nova Scotia"),
    "CA-NT": _("Northwest Territories"),
    "CA-NU": _("Nunavut"),
    "CA-ON": _("Ontario"),
    "CA-PE": _("Prince Edward Island"),
    "CA-QC": _("Quebec"),
    "CA-SK": _("Saskatchewan"),
    "CA-YT": _("Yukon"),
    "FR": _("France"),
    "FR-57": _("France: Moselle"),
    "FR-6AE": _("France: Alsace"),
}

#: Why a survey goes later than it is ready.
MOVED: Final = {
    "holiday": _("It was due on %(when)s, a closed day (%(name)s)."),
    "weekday": _("It was due on %(when)s, a day on which no mail goes."),
    "quiet_hours": _("It was due on %(when)s, in quiet hours."),
}

#: What is wrong with a calendar, by the part of the field before its day.
PROBLEMS: Final = {
    "mail_hours": _("Write the hours in their order, such as 08:00-12:00, 13:00-20:00"),
    "working_hours": _(
        "Write the hours in their order, such as 08:00-12:00, 13:00-17:00, on one day at least"
    ),
    "region": _("Choose a region from the list"),
    "closed": _("Write a date and a name on each line, each date once: 2027-12-24 Christmas Eve"),
    "surveys": _("Write a number of surveys from 1 to 20"),
    "days": _("Write a number of days from 1 to 365"),
    "not_observed": _("Choose holidays from the list"),
}
