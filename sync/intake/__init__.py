"""Intake: what devices push becomes verdicts and facts, in one transaction."""

from sync.intake.push import PushOutcome, push

__all__ = ["PushOutcome", "push"]
