"""Chooses a language by the header Accept-Language."""

from typing import Final

from mail.i18n import DEFAULT, LOCALES, spoken
from server.http.quality import read_preferences

_ANY: Final = "*"


def preferred_language(accept_language: str) -> str:
    """The preferred one of the supported languages, as a key of `LOCALES`.

    By weight, then by order (RFC 9110, 12.5.4). Where none is acceptable: the first that the header
    does not refuse, else `DEFAULT`.
    """
    ranks: dict[str, tuple[float, int] | None] = {}  # weight and order; None: not mentioned
    preferences = read_preferences(accept_language)
    members = [(item.weight, -place, item.name) for place, item in enumerate(preferences)]
    for language in LOCALES:
        named = [(weight, order) for weight, order, name in members if spoken(name) == language]
        others = [(weight, order) for weight, order, name in members if name == _ANY]
        ranks[language] = max(named or others, default=None)
    best = {language: rank for language, rank in ranks.items() if rank is not None and rank[0] > 0}
    if best:
        return max(best, key=lambda language: best[language])
    return next((language for language, rank in ranks.items() if rank is None), DEFAULT)
