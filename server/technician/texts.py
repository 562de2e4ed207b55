"""The app's texts by language, from the catalogues that the pages use too."""

from pathlib import Path
from typing import Final

import msgspec
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.pofile import read_po

from mail.i18n import DOMAIN, LOCALES

CATALOGUES: Final = Path(__file__).parent.parent / "locale"
#: How Babel reads a module: texts inside of `${...}` count as well.
METHOD: Final = ("**.js", "javascript")
OPTIONS: Final = {"parse_template_string": "true"}


def texts_of(app: Path) -> dict[str, bytes]:
    """The texts that the modules under `app` say, as JSON, by the name of the file to serve."""
    wanted = _said(app)
    return {
        f"texts.{language}.json": _write(wanted, locale) for language, locale in LOCALES.items()
    }


def _said(app: Path) -> set[str]:
    found = extract_from_dir(app, [METHOD], {METHOD[0]: OPTIONS}, DEFAULT_KEYWORDS)
    return {text if isinstance(text, str) else text[0] for _file, _line, text, _notes, _of in found}


def _write(wanted: set[str], locale: str) -> bytes:
    with (CATALOGUES / locale / "LC_MESSAGES" / f"{DOMAIN}.po").open("rb") as source:
        catalogue = read_po(source, locale=locale, domain=DOMAIN)
    said: dict[str, str | list[str]] = {}
    for text in sorted(wanted):
        entry = catalogue.get(text)
        if entry is not None:
            string = entry.string or ""
            said[text] = string if isinstance(string, str) else list(string)
    return msgspec.json.encode(said)
