"""Delays, the correction of device clocks, release and mute anchor.

Moments are aware and results are UTC, in elapsed time. Odd dates never overflow: they stop at
`EARLIEST` or `LATEST`, a year inside what a datetime holds so that any time zone can show them.
"""

import re
from datetime import UTC, datetime, timedelta

SKEW_TOLERANCE = timedelta(seconds=2)
"""A smaller difference between two clocks cannot be told from the network's latency."""

PROMPT = timedelta(minutes=15)
"""Sent this soon after its release, an invitation counts as sent at its release."""

MAX_DELAY = timedelta(days=99, hours=23, minutes=59)
EARLIEST = datetime(2, 1, 1, tzinfo=UTC)
LATEST = datetime(9998, 12, 31, tzinfo=UTC)

_DELAY = re.compile(r"([0-9]{2}):([01][0-9]|2[0-3]):([0-5][0-9])")


class DelayError(ValueError):
    """Not a delay that DD:HH:MM can say."""


def parse_delay(text: str) -> timedelta:
    """Read DD:HH:MM (00:12:00 is twelve hours), two ASCII digits each.

    Raises DelayError for anything else, an hour past 23 or a minute past 59.
    """
    found = _DELAY.fullmatch(text)
    if found is None:
        raise DelayError("a delay is written DD:HH:MM")
    days, hours, minutes = (int(part) for part in found.groups())
    return timedelta(days=days, hours=hours, minutes=minutes)


def later(moment: datetime, span: timedelta) -> datetime:
    """Return the UTC moment `span` of elapsed time after `moment`, within EARLIEST and LATEST.

    `moment`: aware, at a fixed offset: a zone with summer time would count wall-clock time.
    """
    try:
        shifted = moment + span
    except OverflowError:
        return LATEST if span > timedelta(0) else EARLIEST
    if EARLIEST <= shifted <= LATEST:
        return shifted.astimezone(UTC)
    return EARLIEST if shifted < EARLIEST else LATEST


def corrected_moment(device_moment: datetime, device_now: datetime, received: datetime) -> datetime:
    """Return when a transition happened by the server's clock, never later than `received`.

    `device_moment`, `device_now`: by the device's clock, the latter as it pushed.
    `received`: by the server's clock. The skew is the difference of the last two, if it is
    more than SKEW_TOLERANCE.
    """
    skew = received - device_now
    if -SKEW_TOLERANCE <= skew <= SKEW_TOLERANCE:
        skew = timedelta(0)
    moment = later(device_moment, skew)
    return moment if moment <= received else received.astimezone(UTC)


def release_at(due: datetime, received: datetime) -> datetime:
    """Return when an invitation may go: when it is `due`, or at reception if that was past.

    Reception, not now, so that the release is a fact of history however late it is decided.
    """
    return max(due, received.astimezone(UTC))


def window_anchor(release: datetime, sent_at: datetime) -> datetime:
    """Return the moment a mute window counts from: the release if sent promptly, else sending.

    So a 7-day window lets the next go exactly 7 days later, however long a worker took.
    """
    return release if sent_at - release <= PROMPT else sent_at
