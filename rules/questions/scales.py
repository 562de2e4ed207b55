"""The scales on which customers rate, and what a value on one says (PRODUCT, point 24)."""

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from msgspec import Struct

#: Thumbs down, 0, and up, 1; stars; effort with 7 easy; the likelihood to recommend.
RatingKind: TypeAlias = Literal["thumbs", "stars", "effort", "nps"]
#: What an answer says; stored with it, since a later version may judge otherwise.
Sentiment: TypeAlias = Literal["negative", "neutral", "positive"]


class Scale(Struct, frozen=True):
    """Whole numbers from `first` to `last`, and their usual classes.

    Values up to `negative_at` are negative, those from `positive_at` on are positive.
    """

    first: int
    last: int
    negative_at: int
    positive_at: int

    @property
    def values(self) -> range:
        """Every value, the worst first."""
        return range(self.first, self.last + 1)


SCALES: Final[Mapping[RatingKind, Scale]] = {
    "thumbs": Scale(0, 1, negative_at=0, positive_at=1),
    "stars": Scale(1, 5, negative_at=2, positive_at=4),
    "effort": Scale(1, 7, negative_at=3, positive_at=5),
    "nps": Scale(0, 10, negative_at=6, positive_at=9),
}


def sentiment_of(value: int, negative_at: int, positive_at: int) -> Sentiment:
    """Return what `value` says by these bounds; where both hold, it is negative."""
    if value <= negative_at:
        return "negative"
    return "positive" if value >= positive_at else "neutral"
