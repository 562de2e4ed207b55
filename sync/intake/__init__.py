"""Intake: pushed transitions get verdicts and are stored, in one transaction.

`push` takes in a batch of a device. `accept`, `dismiss` and `progress` are what dispatchers do:
accept or dismiss a refused transition, and move a task themselves.
"""

from sync.intake.office_transition import Progress, progress
from sync.intake.push import PushOutcome, push
from sync.intake.refused import accept, dismiss

__all__ = ["Progress", "PushOutcome", "accept", "dismiss", "progress", "push"]
