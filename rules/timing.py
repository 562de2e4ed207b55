"""Arithmetic of time: delays, clock skew of devices, release and mute windows.

Arguments are aware datetimes; results are UTC, in elapsed time. Nothing overflows: results are
clamped to `EARLIEST` and `LATEST`, a year inside the range of datetime, so that they can be
converted to any time zone.
"""

import re
from datetime import UTC, datetime, timedelta

SKEW_TOLERANCE = timedelta(seconds=2)
"""A difference of two clocks up to this may be the network's latency and is not corrected."""

PROMPT = timedelta(minutes=15)
"""An invitation sent at most this long after its release counts as sent at its release."""

MAX_DELAY = timedelta(days=99, hours=23, minutes=59)

MAX_WORKING_DELAY = timedelta(hours=240)
"""Six weeks of forty hours."""

EARLIEST = datetime(2, 1, 1, tzinfo=UTC)
LATEST = datetime(9998, 12, 31, tzinfo=UTC)

_DELAY = re.compile(r"([0-9]{2}):([01][0-9]|2[0-3]):([0-5][0-9])")


class DelayError(ValueError):
    """A text is not a delay in the form DD:HH:MM."""


def parse_delay(text: str) -> timedelta:
    """Return the delay written as DD:HH:MM, two ASCII digits each: 00:12:00 is twelve hours.

    :raises DelayError: it has another form, more than 23 hours or more than 59 minutes.
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

    `device_moment`: when it happened, by the device's clock. `device_now`, `received`: the time of
    the push by the device's and by the server's clock; their difference is the skew, which is
    corrected if it exceeds SKEW_TOLERANCE.
    """
    skew = received - device_now
    if -SKEW_TOLERANCE <= skew <= SKEW_TOLERANCE:
        skew = timedelta(0)
    moment = later(device_moment, skew)
    return moment if moment <= received else received.astimezone(UTC)


def ready_at(due: datetime, received: datetime) -> datetime:
    """Return when an invitation is ready: at `due`, but not before the reception.

    It depends on the reception and not on the present time, so it is the same whenever a
    transition is planned.
    """
    return max(due, received.astimezone(UTC))


def visited_at(moment: datetime, due: datetime, delay: timedelta | None) -> datetime:
    """Return when the visit of a survey was: what customers are told.

    `moment`: of its transition, by the device's clock. `due`: of the survey. `delay`: what `due` is
    later than the moment that counts; None where it is not elapsed time since then.
    """
    return moment if delay is None else due - delay


def window_anchor(ready: datetime, release: datetime, sent_at: datetime) -> datetime:
    """Return the start of a mute window: `ready` if sent within PROMPT of release, else `sent_at`.

    So a window of 7 days does not delay an invitation that is ready exactly 7 days after the first,
    however long a worker took to send that one, and although a holiday moved its release.
    """
    return ready if sent_at - release <= PROMPT else sent_at
