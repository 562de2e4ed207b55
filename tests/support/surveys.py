"""Campaigns of these tests: what they must say, said shortly."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from mail.campaigns.definition import Definition, Trigger
from mail.campaigns.questions import Question
from mail.campaigns.texts import Message
from rules.campaign import AddressField


def survey(task_type: UUID, states: Iterable[str], subject: str, **rest: Any) -> Definition:
    """A campaign on `states` of `task_type` that asks the customer's, then the location's address.

    `subject` tells its mails from those of others. Other fields as in `Definition`.
    """
    usual: dict[str, Any] = {
        "rules": [Trigger([task_type], list(states))],
        "question": Question({"fr": "Comment était-ce ?", "en": "How was it?"}),
        "message": Message(
            sender_name="Retour",
            subject={"fr": subject, "en": subject},
            title={"fr": subject, "en": subject},
            body={"fr": "Une question.", "en": "One question."},
        ),
        "primary": AddressField.CUSTOMER,
        "secondary": AddressField.LOCATION,
    }
    return Definition(**(usual | rest))
