"""A survey with a question of every kind, some of which are asked after some ratings only."""

from typing import Any, Final

from mail.campaigns.questions import FurtherQuestion, Question, ReasonChoice
from mail.campaigns.texts import Page

PARTS: Final = [
    ReasonChoice("clean", {"fr": "La propreté des lieux", "en": "A clean workplace"}),
    ReasonChoice("fast", {"fr": "La rapidité", "en": "Speed"}),
    ReasonChoice("manners", {"fr": "La courtoisie", "en": "Good manners"}),
]
MANY: Final = [
    ReasonChoice(f"day_{number}", {"fr": f"Jour {number}", "en": f"Day {number}"})
    for number in range(1, 9)
]
FURTHER: Final = [
    FurtherQuestion(
        key="on_time",
        kind="thumbs",
        text={"fr": "Sommes-nous arrivés à l\u2019heure?", "en": "Did we come on time?"},
        low={"fr": "Non", "en": "No"},
        high={"fr": "Oui", "en": "Yes"},
        mandatory=True,
    ),
    FurtherQuestion(
        key="technician",
        kind="stars",
        text={"fr": "Et notre technicien?", "en": "And our technician?"},
    ),
    FurtherQuestion(
        key="easy",
        kind="effort",
        text={"fr": "A-t-il été facile de nous joindre?", "en": "How easy was it to reach us?"},
    ),
    FurtherQuestion(
        key="liked",
        kind="choice",
        text={"fr": "Qu\u2019avez-vous apprécié?", "en": "What did you like?"},
        choices=PARTS,
        several=True,
        after=["positive"],
    ),
    FurtherQuestion(
        key="first",
        kind="choice",
        text={"fr": "Qu\u2019est-ce qui compte le plus?", "en": "What matters most?"},
        choices=PARTS,
    ),
    FurtherQuestion(
        key="day",
        kind="choice",
        text={"fr": "Quel jour vous convient?", "en": "Which day suits you?"},
        choices=MANY,
    ),
    FurtherQuestion(
        key="put_right",
        kind="text",
        text={"fr": "Que devons-nous arranger?", "en": "What should we put right?"},
        after=["negative", "neutral"],
        mandatory=True,
    ),
    FurtherQuestion(
        key="likely",
        kind="nps",
        text={"fr": "Nous recommanderiez-vous?", "en": "Would you recommend us?"},
    ),
]
#: Fields of a campaign (`tests.support.stories.tell`).
ASKS: Final[dict[str, Any]] = {
    "further": FURTHER,
    "comment_required_at": 1,
    "page": Page(
        intro={"fr": "Deux minutes suffisent.", "en": "Two minutes are enough."},
        thanks={
            "positive": {"fr": "À bientôt!", "en": "See you soon!"},
            "negative": {"fr": "Nous ferons mieux.", "en": "We will do better."},
        },
    ),
}


def led_by(kind: Any, **fields: Any) -> dict[str, Any]:
    """`ASKS`, with a leading question of `kind`."""
    question = Question(text={"fr": "Comment était-ce?", "en": "How was it?"}, kind=kind)
    return ASKS | {"question": question} | fields
