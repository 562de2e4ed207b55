"""Texts in several languages: which one somebody reads. The app chooses by the same rule, in
server/technician/app/views/texts.js.

Languages are written as people write them: fr, fr_CA, fr-CA.
"""

from collections.abc import Mapping


def base_of(language: str) -> str:
    """The language without its country: fr of fr_CA."""
    return _spelt(language).partition("_")[0]


def text_in(texts: Mapping[str, str], *wanted: str | None) -> str | None:
    """The text for who reads the first of `wanted` that has one; None where none has.

    Of one language: its own, then that without a country, then that of another country. Empty
    texts are none.
    """
    known = {_spelt(language): text for language, text in texts.items() if text}
    for language in filter(None, wanted):
        base = base_of(language)
        near = (one for one in sorted(known) if base_of(one) == base)
        for one in (_spelt(language), base, *near):
            if one in known:
                return known[one]
    return None


def _spelt(language: str) -> str:
    return language.replace("-", "_").lower()
