"""Tables of the package `mail`. Times are in UTC; `key` is the primary key in the database."""

from mail.tables.campaign import (
    Asset,
    AssetUse,
    BankQuestion,
    Calendar,
    Campaign,
    CampaignDraft,
    CampaignPause,
    CampaignSet,
    CampaignVersion,
    SenderIdentity,
    SendingPause,
    SurveyCap,
)
from mail.tables.contact import Contact, ContactKey, ContactUse
from mail.tables.ledger import LedgerChange, LedgerCount
from mail.tables.planning import Completion, CompletionHead, Decision, PlaceChange, TaskRound
from mail.tables.response import (
    Answer,
    AnswerPartial,
    AnswerValue,
    AnswerVersion,
    FollowUp,
    RollupChange,
    TaskResult,
)
from mail.tables.runtime import ClockTurn, MailHead
from mail.tables.sending import Invitation, Link, MailEvent, Outbox, SenderBreaker

__all__ = [
    "Answer",
    "AnswerPartial",
    "AnswerValue",
    "AnswerVersion",
    "Asset",
    "AssetUse",
    "BankQuestion",
    "Calendar",
    "Campaign",
    "CampaignDraft",
    "CampaignPause",
    "CampaignSet",
    "CampaignVersion",
    "ClockTurn",
    "Completion",
    "CompletionHead",
    "Contact",
    "ContactKey",
    "ContactUse",
    "Decision",
    "FollowUp",
    "Invitation",
    "LedgerChange",
    "LedgerCount",
    "Link",
    "MailEvent",
    "MailHead",
    "Outbox",
    "PlaceChange",
    "RollupChange",
    "SenderBreaker",
    "SenderIdentity",
    "SendingPause",
    "SurveyCap",
    "TaskResult",
    "TaskRound",
]
