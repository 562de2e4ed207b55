"""Errors of campaigns; the server maps each to an HTTP status in one place."""

from collections.abc import Sequence
from typing import ClassVar

from mail.campaigns.problem import Problem
from sync.errors import SyncError


class DefinitionError(SyncError):
    """A definition cannot be saved; `problems` lists what is wrong and where (400).

    `place`: where the definition stands in the body of a request, as a JSON pointer.
    """

    code = "bad_definition"
    place: ClassVar[str] = "/definition"

    def __init__(self, problems: Sequence[Problem]) -> None:
        """`problems`: at least one."""
        super().__init__(", ".join(f"{problem.field}: {problem.code}" for problem in problems))
        self.problems = list(problems)


class QuestionError(DefinitionError):
    """A question of the bank cannot be asked as it is (400)."""

    code = "bad_question"
    place = ""


class SenderMissingError(SyncError):
    """Nothing may be sent before the account says who sends it; `fields` are missing (409)."""

    code = "no_sender"

    def __init__(self, fields: Sequence[str]) -> None:
        """`fields`: of the sender identity, at least one."""
        super().__init__(f"the sender identity lacks {', '.join(fields)}")
        self.fields = list(fields)


class CampaignStatusError(SyncError):
    """The campaign's status does not allow this, such as resuming an archived one (409)."""

    code = "conflict"
