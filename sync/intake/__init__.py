"""Intake: what devices push becomes verdicts and facts, in one transaction.

`push` takes in a device's batch; `accept` and `progress` are the dispatcher's word.
"""

from sync.intake.acceptance import accept
from sync.intake.office_transition import Progress, progress
from sync.intake.push import PushOutcome, push

__all__ = ["Progress", "PushOutcome", "accept", "progress", "push"]
