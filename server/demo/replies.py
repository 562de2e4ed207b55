"""Generates the answers of the demo's customers: to half of the mails, and mostly positive."""

from datetime import datetime, timedelta
from random import Random
from typing import Final

from msgspec import Struct

from mail.campaigns.definition import Definition
from mail.campaigns.questions import LEAD
from mail.i18n import DEFAULT, spoken
from mail.responses.recording import Body, Value
from rules.questions.scales import Sentiment
from server.demo.aftermath import Invitation
from server.demo.fixture import VISITS
from server.demo.working_hours import awake

_ANSWER_RATE: Final = 0.52
#: How often a hundred answers have each rating, from one to five.
_RATINGS: Final = (6, 7, 11, 24, 52)


class Reply(Struct, frozen=True):
    """An answer. `at`: UTC."""

    invitation: Invitation
    body: Body
    sentiment: Sentiment | None
    at: datetime


class ReplyGenerator:
    """Generates answers up to `now`; each comment of the fixture is used once."""

    def __init__(self, rng: Random, now: datetime) -> None:
        self._rng = rng
        self._now = now
        self._comments = {
            (language, int(rating)): rng.sample(comments, len(comments))
            for language, by_rating in VISITS.comments.items()
            for rating, comments in by_rating.items()
        }

    def reply(self, invitation: Invitation, definition: Definition) -> Reply | None:
        """An answer to `invitation` under the campaign's `definition`, or None."""
        rng = self._rng
        if invitation.sent is None or rng.random() >= _ANSWER_RATE:
            return None
        at = awake(invitation.sent + timedelta(hours=rng.expovariate(1 / 14)))
        if at >= self._now:
            return None
        [rating] = rng.choices(range(1, 6), _RATINGS)
        sentiment = definition.content.lead.sentiment(rating)
        negative = sentiment == "negative"
        codes = [reason.code for reason in definition.reasons]
        language = invitation.task.customer.language
        choices = [rng.choice(codes)] if negative else []
        comments = self._comments[spoken(language) or DEFAULT, rating]
        text = comments.pop() if comments and rng.random() < 0.6 else ""
        call_back = negative and rng.random() < 0.4
        lead = Value(kind=definition.question.kind, value=rating, choices=choices, text=text)
        body = Body(
            values={LEAD: lead},
            call_back=call_back,
            not_me=rng.random() < 0.02,
            language=language,
            phone=invitation.task.customer.phone if call_back else "",
        )
        return Reply(invitation=invitation, body=body, sentiment=sentiment, at=at)
