"""Languages: choosing one, texts in several of them, and the catalogues of our own texts.

Languages may be written as fr, fr_CA or fr-CA.
"""

from collections.abc import Mapping
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Final, TypeVar

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

DOMAIN: Final = "retour"
#: The locales that Retour has, by language.
LOCALES: Final = {"fr": "fr_CA", "en": "en_CA"}
#: Used where nothing else fits.
DEFAULT: Final = "fr"

Spelling = TypeVar("Spelling", bound=str)


def spoken(*languages: str | None) -> str | None:
    """Return the first of `languages` that Retour has, as a key of `LOCALES`, if any."""
    found = (_subtags(language)[0] for language in languages if language)
    return next((language for language in found if language in LOCALES), None)


@lru_cache(maxsize=256)
def locale_of(*languages: str | None) -> str:
    """Return the locale of the first of `languages` that Retour has, else French."""
    return LOCALES[spoken(*languages) or DEFAULT]


def text_in(
    texts: Mapping[Spelling, str], *wanted: str | None, otherwise: str | None = None
) -> str:
    """Return the text in the first of the `wanted` languages that has one, else `otherwise`.

    For one language: the exact variant, then that without a country, then that of another
    country; server/technician/app/views/texts.js does the same. Empty texts do not count. Without
    `otherwise` it is any text, or empty.
    """
    known = {_subtags(language): text for language, text in texts.items() if text}
    for language in filter(None, wanted):
        own = _subtags(language)
        if near := [subtags for subtags in known if subtags[0] == own[0]]:
            return known[min(near, key=lambda subtags: (subtags != own, len(subtags) > 1, subtags))]
    return otherwise or next(iter(known.values()), "")


@lru_cache(maxsize=64)
def translations(locale: str, *folders: Path) -> Translations:
    """Return the catalogues of a locale in `folders`, merged; the first that has a msgid wins.

    They are compiled in memory from the .po files.

    :raises FileNotFoundError: a folder has no catalogue of the locale.
    """
    catalogues = []
    for folder in folders:
        with (folder / locale / "LC_MESSAGES" / f"{DOMAIN}.po").open("rb") as source:
            messages = read_po(source, locale=locale, domain=DOMAIN)
        compiled = BytesIO()
        write_mo(compiled, messages)
        compiled.seek(0)
        catalogues.append(Translations(compiled, domain=DOMAIN))
    *others, merged = catalogues  # the last has a rule for plurals; an empty one has none
    for catalogue in reversed(others):
        merged.merge(catalogue)
    return merged


class Translator:
    """The texts of one locale."""

    def __init__(self, locale: str, *folders: Path) -> None:
        """`folders`: where the catalogues are, as for `translations`."""
        texts = translations(locale, *folders)
        self.locale = locale
        self.gettext = texts.gettext
        self.ngettext = texts.ngettext


def _subtags(language: str) -> tuple[str, ...]:
    """Return language and country in lower case: fr and ca of fr_CA."""
    return tuple(language.replace("-", "_").lower().split("_"))
