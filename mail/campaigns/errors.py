"""What can go wrong with campaigns, named by what happened. The server maps each to HTTP once."""

from collections.abc import Sequence

from mail.campaigns.validation import Problem
from sync.errors import SyncError


class DefinitionError(SyncError):
    """A campaign says what it cannot say; `problems` tells what and where (400)."""

    code = "bad_definition"

    def __init__(self, problems: Sequence[Problem]) -> None:
        """`problems`: at least one."""
        super().__init__(", ".join(f"{one.field}: {one.code}" for one in problems))
        self.problems = list(problems)


class CampaignStatusError(SyncError):
    """The campaign's status does not allow this, such as resuming an archived one (409)."""

    code = "conflict"
