"""Intake: pushed transitions get verdicts and are stored, in one transaction.

`push` takes in a batch of a device. `accept` and `progress` are what dispatchers do: accept a
refused transition, and move a task themselves.
"""

from sync.intake.acceptance import accept
from sync.intake.office_transition import Progress, progress
from sync.intake.push import PushOutcome, push

__all__ = ["Progress", "PushOutcome", "accept", "progress", "push"]
