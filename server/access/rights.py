"""The table of rights: which role may do which action, and how far that reaches.

Every route names one action, which `server.access.guards` checks against this table; pages show
links and buttons only to those who may follow them.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, TypeAlias


class Who(StrEnum):
    """The role of a caller. `ANYBODY`: with any credential or none; `PROGRAM`: an API token."""

    ADMINISTRATOR = "administrator"
    MANAGER = "manager"
    DISPATCHER = "dispatcher"
    TECHNICIAN = "technician"
    PROGRAM = "program"
    DEVICE = "device"
    ANYBODY = "anybody"


class Scope(StrEnum):
    """How far an action reaches: the whole account, the caller's own records, or no account.

    `OWN`: the records of a device's technician, or what the code or link that was sent names.
    """

    ACCOUNT = "account"
    OWN = "own"
    NOBODY = "nobody"


class Action(StrEnum):
    """An action, named object.verb."""

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
    CALENDAR_READ = "calendar.read"
    CALENDAR_WRITE = "calendar.write"
    CAP_READ = "cap.read"
    CAP_WRITE = "cap.write"
    ASSET_READ = "asset.read"
    ASSET_WRITE = "asset.write"
    ASSET_DELETE = "asset.delete"
    QUESTION_READ = "question.read"
    QUESTION_WRITE = "question.write"
    CAMPAIGN_READ = "campaign.read"
    CAMPAIGN_WRITE = "campaign.write"
    CAMPAIGN_ACTIVATE = "campaign.activate"
    CAMPAIGN_PAUSE = "campaign.pause"
    CAMPAIGN_RESUME = "campaign.resume"
    CAMPAIGN_ARCHIVE = "campaign.archive"
    SENDING_READ = "sending.read"
    SENDING_PAUSE = "sending.pause"
    SENDING_RESUME = "sending.resume"

    SENDER_READ = "sender.read"
    SENDER_WRITE = "sender.write"
    SUPPRESSION_READ = "suppression.read"
    SUPPRESSION_WRITE = "suppression.write"
    SUPPRESSION_LIFT = "suppression.lift"
    SUPPRESSION_IMPORT = "suppression.import"

    COMPLETION_READ = "completion.read"
    DECISION_READ = "decision.read"
    TASK_READ = "task.read"
    TASK_WRITE = "task.write"
    TASK_ASSIGN = "task.assign"
    TASK_PROGRESS = "task.progress"
    ROUND_OPEN = "round.open"
    SURVEY_SEND = "survey.send"
    SEND_READ = "send.read"
    SURVEY_CANCEL = "survey.cancel"
    SURVEY_RESEND = "survey.resend"
    FOLLOW_UP_READ = "follow_up.read"
    FOLLOW_UP_CLOSE = "follow_up.close"
    FOLLOW_UP_REOPEN = "follow_up.reopen"
    REFUSED_READ = "refused.read"
    REFUSED_ACCEPT = "refused.accept"
    REFUSED_DISMISS = "refused.dismiss"
    DEVICE_READ = "device.read"
    CODE_ISSUE = "code.issue"
    DEVICE_REVOKE = "device.revoke"


Grant: TypeAlias = Mapping[Who, Scope]

_OPEN: Final[Grant] = {Who.ANYBODY: Scope.NOBODY}
_SHOWN: Final[Grant] = {Who.ANYBODY: Scope.OWN}
_DEVICES: Final[Grant] = {Who.DEVICE: Scope.OWN}
_ADMINISTRATORS: Final[Grant] = {Who.ADMINISTRATOR: Scope.ACCOUNT, Who.PROGRAM: Scope.ACCOUNT}
_PLANNERS: Final[Grant] = {**_ADMINISTRATORS, Who.DISPATCHER: Scope.ACCOUNT}
_MANAGERS: Final[Grant] = {**_ADMINISTRATORS, Who.MANAGER: Scope.ACCOUNT}
_READERS: Final[Grant] = {**_PLANNERS, Who.MANAGER: Scope.ACCOUNT}
_STAFF: Final[Grant] = {who: scope for who, scope in _READERS.items() if who is not Who.PROGRAM}

#: A role that is not listed may not. What ANYBODY may do, every role may.
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
    Action.CALENDAR_READ: _READERS,
    Action.CALENDAR_WRITE: _ADMINISTRATORS,
    Action.CAP_READ: _READERS,
    Action.CAP_WRITE: _ADMINISTRATORS,
    Action.ASSET_READ: _READERS,
    Action.ASSET_WRITE: _ADMINISTRATORS,
    Action.ASSET_DELETE: _ADMINISTRATORS,
    Action.QUESTION_READ: _READERS,
    Action.QUESTION_WRITE: _ADMINISTRATORS,
    Action.CAMPAIGN_READ: _READERS,
    Action.CAMPAIGN_WRITE: _ADMINISTRATORS,
    Action.CAMPAIGN_ACTIVATE: _ADMINISTRATORS,
    Action.CAMPAIGN_PAUSE: _ADMINISTRATORS,
    Action.CAMPAIGN_RESUME: _ADMINISTRATORS,
    Action.CAMPAIGN_ARCHIVE: _ADMINISTRATORS,
    Action.SENDER_READ: _READERS,
    Action.SENDER_WRITE: _ADMINISTRATORS,
    Action.SUPPRESSION_READ: _READERS,
    Action.SUPPRESSION_WRITE: _PLANNERS,
    Action.SUPPRESSION_LIFT: _PLANNERS,
    Action.SUPPRESSION_IMPORT: _ADMINISTRATORS,
    Action.SENDING_READ: _READERS,
    Action.SENDING_PAUSE: _MANAGERS,
    Action.SENDING_RESUME: _MANAGERS,
    Action.COMPLETION_READ: _READERS,
    Action.DECISION_READ: _READERS,
    Action.TASK_READ: _READERS,
    Action.TASK_WRITE: _PLANNERS,
    Action.TASK_ASSIGN: _PLANNERS,
    Action.TASK_PROGRESS: _PLANNERS,
    Action.ROUND_OPEN: _PLANNERS,
    Action.SURVEY_SEND: _PLANNERS,
    Action.SEND_READ: _READERS,
    Action.SURVEY_CANCEL: _PLANNERS,
    Action.SURVEY_RESEND: _PLANNERS,
    Action.FOLLOW_UP_READ: _STAFF,
    Action.FOLLOW_UP_CLOSE: _STAFF,
    Action.FOLLOW_UP_REOPEN: _STAFF,
    Action.REFUSED_READ: _READERS,
    Action.REFUSED_ACCEPT: _PLANNERS,
    Action.REFUSED_DISMISS: _PLANNERS,
    Action.DEVICE_READ: _READERS,
    Action.CODE_ISSUE: _PLANNERS,
    Action.DEVICE_REVOKE: _PLANNERS,
}


def scope_of(who: Who, action: Action) -> Scope | None:
    """How far `action` reaches for the role `who`; None where it may not do it."""
    grant = RIGHTS[action]
    return grant.get(who, grant.get(Who.ANYBODY))


def those_who_may(action: Action) -> frozenset[Who]:
    """The roles that the table lists for `action`."""
    return frozenset(RIGHTS[action])
