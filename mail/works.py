"""The kinds of work of a worker."""

from functools import partial

from mail.broker import DELIVER, PLAN, ROLLUP
from mail.chores import Work
from mail.config import MailConfig
from mail.delivery import deliver_due
from mail.planning import plan_due
from mail.rollup import roll_due


def works_of(config: MailConfig) -> dict[str, Work]:
    """Everything that can be rung for, by what is rung."""
    return {PLAN: plan_due, DELIVER: partial(deliver_due, config), ROLLUP: roll_due}
