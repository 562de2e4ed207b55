"""Intake: what devices push becomes verdicts and facts, in one transaction.

`push` takes in a device's batch; `accept` and `progress` are the dispatcher's word.
"""

from sync.intake.accepting import accept
from sync.intake.progressing import Progress, progress
from sync.intake.push import PushOutcome, push

__all__ = ["Progress", "PushOutcome", "accept", "progress", "push"]
