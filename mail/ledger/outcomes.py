"""What a decision may say, and what is said of a completed task without one."""

from typing import Final

from mail.planning.plan import SCHEDULED
from rules.decide import Reason

#: No campaign decided anything about a completed task.
NO_CAMPAIGN: Final = "no_campaign"
#: One campaign decided nothing about it: no rule selected the task's type and states.
NOT_SELECTED: Final = "not_selected"

#: All that a decision may say.
OUTCOMES: Final = (SCHEDULED, *(reason.value for reason in Reason))

#: Of several campaigns' outcomes the last in this order is the task's: asked if any of them asked,
#: else the reason of the one that came closest. `not_first` says the least: that another step was
#: the one to ask about.
CLOSEST_LAST: Final = (
    Reason.NOT_FIRST.value,
    *(reason.value for reason in Reason if reason is not Reason.NOT_FIRST),
    SCHEDULED,
)
