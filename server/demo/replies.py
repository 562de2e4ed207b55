"""What the demo's customers answered: most are happy, some are not, half say nothing."""

from datetime import datetime, timedelta
from random import Random
from typing import Final

from msgspec import Struct

from mail.campaigns.definition import Definition, Sentiment
from mail.i18n import DEFAULT, spoken
from mail.responses.answer_body import LEAD, Body, Value
from server.demo.aftermath import Asked
from server.demo.fixture import VISITS

_ANSWERED: Final = 0.52
#: Out of a hundred answers, from one star to five.
_RATINGS: Final = (6, 7, 11, 24, 52)


class Reply(Struct, frozen=True):
    """An answer. `at`: UTC."""

    asked: Asked
    body: Body
    sentiment: Sentiment
    at: datetime


class Customers:
    """Answers for those who were asked before `now`; nobody says what another one said."""

    def __init__(self, chance: Random, now: datetime) -> None:
        self._chance = chance
        self._now = now
        self._comments = {
            (language, int(rating)): chance.sample(said, len(said))
            for language, by_rating in VISITS.comments.items()
            for rating, said in by_rating.items()
        }

    def reply(self, asked: Asked, definition: Definition) -> Reply | None:
        """What somebody says who was asked under the campaign's `definition`, if anything."""
        if asked.sent is None or self._chance.random() >= _ANSWERED:
            return None
        at = asked.sent + timedelta(hours=self._chance.expovariate(1 / 14))
        return self._reply(asked, at, definition) if at < self._now else None

    def _reply(self, asked: Asked, at: datetime, definition: Definition) -> Reply:
        [rating] = self._chance.choices(range(1, 6), _RATINGS)
        sentiment = definition.content.lead.sentiment(rating)
        negative = sentiment == "negative"
        codes = [reason.code for reason in definition.reasons]
        lead = Value(
            kind=definition.question.kind,
            value=rating,
            choices=[self._chance.choice(codes)] if negative else [],
            text=self._comment(spoken(asked.job.client.language) or DEFAULT, rating),
        )
        body = Body(
            values={LEAD: lead},
            call_back=negative and self._chance.random() < 0.4,
            not_me=self._chance.random() < 0.02,
            language=asked.job.client.language,
        )
        return Reply(asked=asked, body=body, sentiment=sentiment, at=at)

    def _comment(self, language: str, rating: int) -> str:
        left = self._comments[language, rating]
        return left.pop() if left and self._chance.random() < 0.6 else ""
