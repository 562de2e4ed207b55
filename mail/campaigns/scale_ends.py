"""What both ends of a scale mean: the campaign's words, else those that go with the scale."""

from pathlib import Path
from typing import Final

from mail.campaigns.questions import FurtherQuestion, Question
from mail.i18n import locale_of, text_in, translations
from mail.wording import SCALE_ENDS

_CATALOGUES: Final = Path(__file__).parent.parent / "locale"


def ends_of(question: Question | FurtherQuestion, *languages: str) -> tuple[str, str]:
    """Return what the lowest and the highest value mean, in the first of `languages` if possible.

    Each is empty where neither campaign nor scale has a word for it.
    """
    low, high = SCALE_ENDS.get(question.kind, ("", ""))
    gettext = translations(locale_of(*languages), _CATALOGUES).gettext
    return (
        text_in(question.low, *languages) or (gettext(low) if low else ""),
        text_in(question.high, *languages) or (gettext(high) if high else ""),
    )
