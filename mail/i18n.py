"""Languages: catalogues read from .po files, and which of them to speak."""

from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Final

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

from sync.languages import base_of

DOMAIN: Final = "retour"
#: Every locale that Retour speaks, by its language; the first is spoken where nothing else fits.
LOCALES: Final = {"fr": "fr_CA", "en": "en_CA"}
DEFAULT: Final = "fr_CA"


@lru_cache(maxsize=64)
def translations(locale: str, *folders: Path) -> Translations:
    """The catalogues of one locale in `folders`, the first that knows a msgid wins.

    :raises FileNotFoundError: a folder has no catalogue for the locale.
    """
    *others, last = (folder / locale / "LC_MESSAGES" / f"{DOMAIN}.po" for folder in folders)
    merged = _read(last, locale)  # its rule for plurals stays; an empty catalogue has none
    for path in reversed(others):
        merged.merge(_read(path, locale))
    return merged


def _read(path: Path, locale: str) -> Translations:
    """Compile one catalogue in memory: only .po files are kept."""
    with path.open("rb") as source:
        catalogue = read_po(source, locale=locale, domain=DOMAIN)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Translations(compiled, domain=DOMAIN)


def supported(locale: str | None) -> str | None:
    """The locale of ours that speaks the language of `locale` (fr, en-US, fr_CA...), or None."""
    return LOCALES.get(base_of(locale or ""))


class Translator:
    """The texts of one locale."""

    def __init__(self, locale: str, *folders: Path) -> None:
        """`folders`: where the catalogues are, as for `translations`."""
        texts = translations(locale, *folders)
        self.locale = locale
        self.gettext = texts.gettext
        self.ngettext = texts.ngettext
