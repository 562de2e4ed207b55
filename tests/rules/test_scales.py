"""Point 24: which values of each scale are negative and positive."""

import pytest

from rules.questions.scales import SCALES, RatingKind, sentiment_of


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("thumbs", "-+"),
        ("stars", "--.++"),
        ("effort", "---.+++"),
        ("nps", "-------..++"),
    ],
)
def test_24_each_value_of_a_scale_says_something(kind: RatingKind, said: str) -> None:
    signs = {"negative": "-", "neutral": ".", "positive": "+"}
    scale = SCALES[kind]
    found = (sentiment_of(value, scale.negative_at, scale.positive_at) for value in scale.values)
    assert "".join(signs[sentiment] for sentiment in found) == said


def test_24_a_campaign_may_move_the_bounds_and_none_may_be_negative_or_positive() -> None:
    assert [sentiment_of(value, 3, 5) for value in (3, 4, 5)] == ["negative", "neutral", "positive"]
    assert {sentiment_of(value, 0, 6) for value in SCALES["stars"].values} == {"neutral"}
