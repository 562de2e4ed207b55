"""The texts of the app by language, from the catalogues of the pages."""

from pathlib import Path
from typing import Final

import msgspec
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.pofile import read_po

from mail.i18n import DOMAIN, LOCALES

CATALOGUES: Final = Path(__file__).parent.parent / "locale"
#: How Babel reads a module; OPTIONS: texts inside `${...}` too.
METHOD: Final = ("**.js", "javascript")
OPTIONS: Final = {"parse_template_string": "true"}


def texts_of(app: Path) -> dict[str, bytes]:
    """The texts of the modules under `app`, as JSON, by the name of the file to serve."""
    extracted = extract_from_dir(app, [METHOD], {METHOD[0]: OPTIONS}, DEFAULT_KEYWORDS)
    msgids = sorted({text if isinstance(text, str) else text[0] for _, _, text, _, _ in extracted})
    files = {}
    for language, locale in LOCALES.items():
        with (CATALOGUES / locale / "LC_MESSAGES" / f"{DOMAIN}.po").open("rb") as source:
            catalogue = read_po(source, locale=locale, domain=DOMAIN)
        texts: dict[str, str | list[str]] = {}
        for msgid in msgids:
            entry = catalogue.get(msgid)
            if entry is not None:
                string = entry.string or ""
                texts[msgid] = string if isinstance(string, str) else list(string)
        files[f"texts.{language}.json"] = msgspec.json.encode(texts)
    return files
