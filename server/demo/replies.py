"""Generates the answers of the demo's customers: to half of the mails, and mostly positive."""

from datetime import datetime, timedelta
from random import Random
from typing import Final

from msgspec import Struct

from mail.campaigns.asked import asked
from mail.campaigns.definition import Definition
from mail.campaigns.questions import LEAD, FurtherQuestion
from mail.i18n import DEFAULT, spoken
from mail.responses.recording import Body, Value
from rules.questions.scales import Scale, Sentiment
from server.demo.aftermath import Invitation
from server.demo.fixture import VISITS
from server.demo.working_hours import awake

_ANSWER_RATE: Final = 0.52
#: How often one of the questions after the leading one is answered.
_FURTHER_RATE: Final = 0.8
#: Customers' moods, from bad to good, and how many of a hundred are in each.
_MOODS: Final = (1, 2, 3, 4, 5)
_WEIGHTS: Final = (6, 7, 11, 24, 52)


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
            (language, int(mood)): rng.sample(comments, len(comments))
            for language, by_mood in VISITS.comments.items()
            for mood, comments in by_mood.items()
        }

    def reply(self, invitation: Invitation, definition: Definition) -> Reply | None:
        """An answer to `invitation` under the campaign's `definition`, or None."""
        rng = self._rng
        if invitation.sent is None or rng.random() >= _ANSWER_RATE:
            return None
        at = awake(invitation.sent + timedelta(hours=rng.expovariate(1 / 14)))
        if at >= self._now:
            return None
        content = definition.content
        [mood] = rng.choices(_MOODS, _WEIGHTS)
        rating = self._rating(content.lead.scale, mood)
        sentiment = content.lead.sentiment(rating)
        negative = sentiment == "negative"
        language = invitation.task.customer.language
        comments = self._comments[spoken(language) or DEFAULT, mood]
        lead = Value(
            kind=content.lead.kind,
            value=rating,
            choices=[rng.choice(content.lead.reasons).code] if negative else [],
            text=comments.pop() if comments and rng.random() < 0.6 else "",
        )
        call_back = negative and rng.random() < 0.4
        further = {
            question.key: self._further(question, mood, language)
            for question in asked(content, invitation.id)
            if question.follows(sentiment) and rng.random() < _FURTHER_RATE
        }
        body = Body(
            values={LEAD: lead, **further},
            call_back=call_back,
            not_me=rng.random() < 0.02,
            language=language,
            phone=invitation.task.customer.phone if call_back else "",
        )
        return Reply(invitation=invitation, body=body, sentiment=sentiment, at=at)

    def _further(self, question: FurtherQuestion, mood: int, language: str) -> Value:
        """An answer that fits the mood, which changes a little from question to question."""
        rng = self._rng
        if question.scale is not None:
            value = self._rating(question.scale, mood + rng.choice((-1, 0, 0, 1)))
            return Value(kind=question.kind, value=value, choices=[], text="")
        codes = [choice.code for choice in question.choices]
        some = set(rng.sample(codes, rng.randint(1, 2) if question.several else 1) if codes else ())
        wishes = VISITS.wishes[spoken(language) or DEFAULT]
        text = rng.choice(wishes) if question.kind == "text" else ""
        chosen = [code for code in codes if code in some]
        return Value(kind=question.kind, value=None, choices=chosen, text=text)

    def _rating(self, scale: Scale, mood: int) -> int:
        """One of the values on `scale` that are nearest to a mood of 1 to 5."""
        best = _MOODS[-1]
        far = {
            value: abs(1 + (value - scale.first) / (scale.last - scale.first) * (best - 1) - mood)
            for value in scale.values
        }
        nearest = min(far.values())
        return self._rng.choice([value for value in far if far[value] < nearest + 0.5])
