"""Which language a client likes best."""

from typing import Final

from mail.i18n import DEFAULT, LOCALES, spoken
from server.http.quality import Preference, read_preferences

_ANY: Final = "*"


def preferred_language(accept_language: str) -> str:
    """The language of ours, as a key of `LOCALES`, that the header Accept-Language likes best.

    By weights, whatever the order (RFC 9110, 12.5.4); among equals the first. Where nothing fits
    it is French, or English for who refuses French.
    """
    preferences = read_preferences(accept_language)
    ranks = {language: _rank(language, preferences) for language in LOCALES}
    best = {language: rank for language, rank in ranks.items() if rank is not None and rank[0] > 0}
    if best:
        return max(best, key=lambda language: best[language])
    return next((language for language, rank in ranks.items() if rank is None), DEFAULT)


def _rank(language: str, preferences: list[Preference]) -> tuple[float, int] | None:
    """How much the language is liked, and how far in front that stands; None: nothing is said."""
    ranks = [(one.weight, -place, one.name) for place, one in enumerate(preferences)]
    said = [(weight, place) for weight, place, name in ranks if spoken(name) == language]
    others = [(weight, place) for weight, place, name in ranks if name == _ANY]
    return max(said or others, default=None)
