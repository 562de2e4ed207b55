"""When a survey that was not answered is asked about once more."""

from datetime import datetime, timedelta

from rules.calendar import Calendar, window_end
from rules.campaign import Campaign

MOST_REMINDERS = 3
"""A campaign reminds of a survey at most so many times."""


def next_reminder(
    campaign: Campaign, used: int, sent_at: datetime, deadline: datetime, calendar: Calendar
) -> datetime | None:
    """Return the release (UTC) of the reminder that follows a mail, or None if none does.

    `used`: how many reminders were sent already. `sent_at`: when the mail was accepted. It is so
    many civil days later, at the same time by the clocks of the place, then moved by quiet hours;
    one that could not come before the `deadline` does not come.
    """
    if used >= campaign.reminders:
        return None
    days = timedelta(days=campaign.reminder_days)
    release = calendar.first_open(window_end(sent_at, days, calendar.zone))
    return release if release < deadline else None
