"""Which language to answer in."""

from typing import Final

from mail.i18n import DEFAULT, LOCALES, locale_of
from server.http.quality import Wish, read_wishes

_ANY: Final = "*"


def negotiate(accept_language: str, *wishes: str | None) -> str:
    """The locale to speak: the first of `wishes` that we have, else the best of the header.

    `accept_language`: by weights, whatever the order (RFC 9110, 12.5.4); among equals the first.
    Where nothing fits it is French, or English for who refuses French.
    """
    return locale_of(*wishes, _best(read_wishes(accept_language)))


def _best(wishes: list[Wish]) -> str:
    ranks = {locale: _rank(language, wishes) for language, locale in LOCALES.items()}
    liked = {locale: rank for locale, rank in ranks.items() if rank is not None and rank[0] > 0}
    if liked:
        return max(liked, key=lambda locale: liked[locale])
    return next((locale for locale, rank in ranks.items() if rank is None), DEFAULT)


def _rank(language: str, wishes: list[Wish]) -> tuple[float, int] | None:
    """How much the language is liked, and how far in front that stands; None: nothing is said."""
    said = [(one.weight, -place) for place, one in enumerate(wishes) if _speaks(one, language)]
    others = [(one.weight, -place) for place, one in enumerate(wishes) if one.name == _ANY]
    return max(said or others, default=None)


def _speaks(wish: Wish, language: str) -> bool:
    return wish.name.replace("_", "-").partition("-")[0] == language
