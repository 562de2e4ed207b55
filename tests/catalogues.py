"""`python -m tests.catalogues`: every text of mail and server stands in every catalogue.

Prints what is missing, empty, fuzzy, obsolete or set in another way than the language wants, and
exits 1 if anything is.
"""

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.pofile import read_po

from server.technician.texts import METHOD as MODULES
from server.technician.texts import OPTIONS as MODULE_OPTIONS

ROOT: Final = Path(__file__).parent.parent
PACKAGES: Final = ("mail", "server")
LANGUAGES: Final = ("fr_CA", "en_CA")
METHODS: Final = [
    ("**.py", "python"),
    ("**.html", "jinja2"),
    ("**.txt", "jinja2"),
    ("**.mjml", "jinja2"),
    MODULES,
]
OPTIONS: Final = {
    **{
        pattern: {"silent": "false", "trimmed": "true"}
        for pattern, kind in METHODS
        if kind == "jinja2"
    },
    MODULES[0]: MODULE_OPTIONS,
}

_PLACEHOLDER: Final = re.compile(r"%\(\w+\)[sd]|\{\w*\}")
#: Where a French line must not break: before a colon, inside guillemets, between a number and what
#: it counts or measures.
_BREAKABLE: Final = re.compile(
    r" [:»]|« |\d (?=[%$]|\d{3}\b|(?:ans?|caractères|h|heures?|jours?|min|minutes?|mois|s"
    r"|secondes?|semaines?|[KM]io|octets?)\b(?!\u2019))"
)
#: Where a space is wanted that does not break. A sign that is named stands in guillemets, alone.
_TIGHT: Final = re.compile(r"[^\s\u00a0]:(?=\s|$)|«(?!\u00a0)|(?<!\u00a0)»")
_CODE: Final = re.compile(r"`[^`]*`")
#: Where French (Canada) has no space at all, says the Office québécois de la langue française.
_SPACED: Final = re.compile(r"(?<!«)[ \u00a0\u202f][;!?]")


def texts(value: object) -> list[str]:
    """The singular and the plurals of a msgid or a msgstr."""
    return [value] if isinstance(value, str) else [str(one) for one in _parts(value)]


def _parts(value: object) -> Iterable[object]:
    return value if isinstance(value, tuple | list) else ()


def extracted(folder: Path) -> Catalog:
    """All texts of the code and templates under `folder`."""
    catalog = Catalog()
    found = extract_from_dir(folder, METHODS, OPTIONS, DEFAULT_KEYWORDS)
    for file, line, text, _comments, context in found:
        catalog.add(text, locations=[(file, line)], context=context)
    return catalog


def catalogue(folder: Path, language: str) -> Catalog:
    """What the package in `folder` says in `language`."""
    file = folder / "locale" / language / "LC_MESSAGES" / "retour.po"
    if not file.exists():
        return Catalog(locale=language)
    with file.open("rb") as source:
        return read_po(source, locale=language, abort_invalid=True)


def faults(wanted: Catalog, given: Catalog, language: str) -> Iterator[str]:
    """What keeps the catalogue `given` from saying all of `wanted`."""
    for message in _entries(wanted):
        entry = given.get(message.id, message.context)
        if entry is None:
            yield f"missing: {message.id!r} ({message.locations[0][0]}:{message.locations[0][1]})"
    for entry in _entries(given):
        if wanted.get(entry.id, entry.context) is None:
            yield f"obsolete: {entry.id!r}"
        else:
            yield from _faults_of(entry, language)
    yield from (f"obsolete: {name!r}" for name in given.obsolete)


def _entries(catalog: Catalog) -> Iterator[Message]:
    return (message for message in catalog if message.id)


def _faults_of(entry: Message, language: str) -> Iterator[str]:
    if entry.fuzzy:
        yield f"fuzzy: {entry.id!r}"
    for said in texts(entry.string) or [""]:
        if not said.strip():
            yield f"empty: {entry.id!r}"
            continue
        if _placeholders([said]) != _placeholders(texts(entry.id)):
            yield f"other placeholders: {entry.id!r} -> {said!r}"
        if language.startswith("fr"):
            yield from misspaced(said)


def misspaced(said: str) -> Iterator[str]:
    """How the spaces of a French text differ from what French (Canada) wants; code is no text."""
    prose = _CODE.sub("", said)
    for name, wrong in (
        ("breakable space", _BREAKABLE),
        ("missing space", _TIGHT),
        ("space before a sign", _SPACED),
    ):
        if wrong.search(prose):
            yield f"{name}: {said!r}"


def _placeholders(said: list[str]) -> set[str]:
    return {mark for text in said for mark in _PLACEHOLDER.findall(text)}


def report(root: Path = ROOT) -> dict[str, list[str]]:
    """What is wrong, by catalogue; empty when all is said in every language."""
    found: dict[str, list[str]] = {}
    for package in PACKAGES:
        wanted = extracted(root / package)
        for language in LANGUAGES:
            given = catalogue(root / package, language)
            wrong = list(faults(wanted, given, language))
            if wrong:
                found[f"{package}/locale/{language}"] = wrong
    return found


def describe(found: Mapping[str, list[str]]) -> str:
    """The report in lines."""
    return "\n".join(f"{name}: {fault}" for name, wrong in found.items() for fault in wrong)


if __name__ == "__main__":
    sys.exit(describe(report()) or 0)
