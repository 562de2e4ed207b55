"""Languages: which of them to speak, texts in several of them, and catalogues of our own texts.

Languages are written as people write them: fr, fr_CA, fr-CA.
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
#: Every locale that Retour speaks, by its language.
LOCALES: Final = {"fr": "fr_CA", "en": "en_CA"}
#: Spoken where nothing else fits.
DEFAULT: Final = "fr"

Spelling = TypeVar("Spelling", bound=str)


def spoken(*languages: str | None) -> str | None:
    """The first of `languages` that we speak, as a key of `LOCALES`; None where there is none."""
    found = (_subtags(language)[0] for language in languages if language)
    return next((language for language in found if language in LOCALES), None)


@lru_cache(maxsize=256)
def locale_of(*languages: str | None) -> str:
    """The locale of the first of `languages` that we speak, else of French."""
    return LOCALES[spoken(*languages) or DEFAULT]


def text_in(
    texts: Mapping[Spelling, str], *wanted: str | None, otherwise: str | None = None
) -> str:
    """The text for who reads the first of `wanted` that has one, else `otherwise`, else any.

    Of one language: its own, then that without a country, then that of another country; the app
    chooses by the same rule, in server/technician/app/views/texts.js. Empty texts are none, and
    where there is no other the answer is empty.
    """
    known = {_subtags(language): text for language, text in texts.items() if text}
    for language in filter(None, wanted):
        own = _subtags(language)
        if near := [one for one in known if one[0] == own[0]]:
            return known[min(near, key=lambda one: (one != own, len(one) > 1, one))]
    return otherwise or next(iter(known.values()), "")


@lru_cache(maxsize=64)
def translations(locale: str, *folders: Path) -> Translations:
    """The catalogues of one locale in `folders`, the first that knows a msgid wins.

    Compiled in memory: only .po files are kept.

    :raises FileNotFoundError: a folder has no catalogue for the locale.
    """
    catalogues = []
    for folder in folders:
        with (folder / locale / "LC_MESSAGES" / f"{DOMAIN}.po").open("rb") as source:
            catalogue = read_po(source, locale=locale, domain=DOMAIN)
        compiled = BytesIO()
        write_mo(compiled, catalogue)
        compiled.seek(0)
        catalogues.append(Translations(compiled, domain=DOMAIN))
    *others, merged = catalogues  # its rule for plurals stays; an empty catalogue has none
    for one in reversed(others):
        merged.merge(one)
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
    """The language, and what is said of it: fr and ca of fr_CA."""
    return tuple(language.replace("-", "_").lower().split("_"))
