"""Who may do what: one table of actions, of those who may, and of how much they reach.

Every route names one action, `server.access.guards` holds it against this table, and pages show
what leads to an action only to whom it is allowed.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, TypeAlias


class Who(StrEnum):
    """As what somebody comes in. `ANYBODY` is not known, or whoever it is; `PROGRAM`: a token."""

    ADMINISTRATOR = "administrator"
    MANAGER = "manager"
    DISPATCHER = "dispatcher"
    TECHNICIAN = "technician"
    PROGRAM = "program"
    DEVICE = "device"
    ANYBODY = "anybody"


class Scope(StrEnum):
    """How much an action reaches: all of the account; what belongs to whoever asks; no account's.

    `OWN` is what a device's technician has, or what the code or link that was shown names.
    """

    ACCOUNT = "account"
    OWN = "own"
    NOBODY = "nobody"


class Action(StrEnum):
    """What is done, as object.verb."""

    HEALTH_READ = "health.read"
    METRICS_READ = "metrics.read"
    DOCS_READ = "docs.read"
    FILE_READ = "file.read"
    MAILBOX_READ = "mailbox.read"
    SESSION_START = "session.start"
    SESSION_END = "session.end"
    SURVEY_ANSWER = "survey.answer"
    SUBSCRIPTION_END = "subscription.end"
    DEVICE_ENROL = "device.enrol"

    SYNC_READ = "sync.read"
    SYNC_PUSH = "sync.push"

    #: To have a session at all.
    CONSOLE_ENTER = "console.enter"
    SELF_READ = "self.read"

    UNIT_READ = "unit.read"
    UNIT_WRITE = "unit.write"
    USER_READ = "user.read"
    USER_WRITE = "user.write"
    PASSWORD_WRITE = "password.write"  # noqa: S105 - an action
    TOKEN_READ = "token.read"  # noqa: S105 - an action
    TOKEN_MAKE = "token.make"  # noqa: S105 - an action
    TOKEN_REVOKE = "token.revoke"  # noqa: S105 - an action
    AUDIT_READ = "audit.read"
    CUSTOMER_READ = "customer.read"
    CUSTOMER_WRITE = "customer.write"
    LOCATION_READ = "location.read"
    LOCATION_WRITE = "location.write"
    TASK_TYPE_READ = "task_type.read"
    TASK_TYPE_WRITE = "task_type.write"
    STATE_READ = "state.read"
    STATE_WRITE = "state.write"
    CAMPAIGN_READ = "campaign.read"
    CAMPAIGN_WRITE = "campaign.write"
    CAMPAIGN_ACTIVATE = "campaign.activate"
    CAMPAIGN_PAUSE = "campaign.pause"
    CAMPAIGN_RESUME = "campaign.resume"
    CAMPAIGN_ARCHIVE = "campaign.archive"

    COMPLETION_READ = "completion.read"
    TASK_READ = "task.read"
    TASK_WRITE = "task.write"
    TASK_ASSIGN = "task.assign"
    TASK_PROGRESS = "task.progress"
    REFUSED_READ = "refused.read"
    REFUSED_ACCEPT = "refused.accept"
    DEVICE_READ = "device.read"
    CODE_ISSUE = "code.issue"
    DEVICE_REVOKE = "device.revoke"


Grant: TypeAlias = Mapping[Who, Scope]

_OPEN: Final[Grant] = {Who.ANYBODY: Scope.NOBODY}
_SHOWN: Final[Grant] = {Who.ANYBODY: Scope.OWN}
_DEVICES: Final[Grant] = {Who.DEVICE: Scope.OWN}
_ADMINISTRATORS: Final[Grant] = {Who.ADMINISTRATOR: Scope.ACCOUNT, Who.PROGRAM: Scope.ACCOUNT}
_PLANNERS: Final[Grant] = {**_ADMINISTRATORS, Who.DISPATCHER: Scope.ACCOUNT}
_READERS: Final[Grant] = {**_PLANNERS, Who.MANAGER: Scope.ACCOUNT}
_STAFF: Final[Grant] = {who: scope for who, scope in _READERS.items() if who is not Who.PROGRAM}

#: Whoever is not named may not. What anybody may, everybody may.
RIGHTS: Final[Mapping[Action, Grant]] = {
    Action.HEALTH_READ: _OPEN,
    Action.METRICS_READ: _OPEN,
    Action.DOCS_READ: _OPEN,
    Action.FILE_READ: _OPEN,
    Action.MAILBOX_READ: _OPEN,
    Action.SESSION_START: _SHOWN,
    Action.SESSION_END: _SHOWN,
    Action.SURVEY_ANSWER: _SHOWN,
    Action.SUBSCRIPTION_END: _SHOWN,
    Action.DEVICE_ENROL: _SHOWN,
    Action.SYNC_READ: _DEVICES,
    Action.SYNC_PUSH: _DEVICES,
    Action.CONSOLE_ENTER: _STAFF,
    Action.SELF_READ: _READERS,
    Action.UNIT_READ: _READERS,
    Action.UNIT_WRITE: _ADMINISTRATORS,
    Action.USER_READ: _READERS,
    Action.USER_WRITE: _ADMINISTRATORS,
    Action.PASSWORD_WRITE: _ADMINISTRATORS,
    Action.TOKEN_READ: _ADMINISTRATORS,
    Action.TOKEN_MAKE: _ADMINISTRATORS,
    Action.TOKEN_REVOKE: _ADMINISTRATORS,
    Action.AUDIT_READ: _ADMINISTRATORS,
    Action.CUSTOMER_READ: _READERS,
    Action.CUSTOMER_WRITE: _ADMINISTRATORS,
    Action.LOCATION_READ: _READERS,
    Action.LOCATION_WRITE: _ADMINISTRATORS,
    Action.TASK_TYPE_READ: _READERS,
    Action.TASK_TYPE_WRITE: _ADMINISTRATORS,
    Action.STATE_READ: _READERS,
    Action.STATE_WRITE: _ADMINISTRATORS,
    Action.CAMPAIGN_READ: _READERS,
    Action.CAMPAIGN_WRITE: _ADMINISTRATORS,
    Action.CAMPAIGN_ACTIVATE: _ADMINISTRATORS,
    Action.CAMPAIGN_PAUSE: _ADMINISTRATORS,
    Action.CAMPAIGN_RESUME: _ADMINISTRATORS,
    Action.CAMPAIGN_ARCHIVE: _ADMINISTRATORS,
    Action.COMPLETION_READ: _READERS,
    Action.TASK_READ: _READERS,
    Action.TASK_WRITE: _PLANNERS,
    Action.TASK_ASSIGN: _PLANNERS,
    Action.TASK_PROGRESS: _PLANNERS,
    Action.REFUSED_READ: _READERS,
    Action.REFUSED_ACCEPT: _PLANNERS,
    Action.DEVICE_READ: _READERS,
    Action.CODE_ISSUE: _PLANNERS,
    Action.DEVICE_REVOKE: _PLANNERS,
}


def scope_of(who: Who, action: Action) -> Scope | None:
    """How much `who` reaches by `action`; None: they may not."""
    grant = RIGHTS[action]
    return grant.get(who, grant.get(Who.ANYBODY))


def those_who_may(action: Action) -> frozenset[Who]:
    """Whom the table names for `action`."""
    return frozenset(RIGHTS[action])
