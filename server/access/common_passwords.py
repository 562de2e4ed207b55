"""Refuses common passwords and passwords made of the owner's names (ASVS 5.0, 6.2.4 and 6.2.11).

The list is `fixtures/common_passwords.txt`, which gives its sources and licences. No kinds of
characters are required (6.2.5), and no password leaves the machine.
"""

import re
import unicodedata
from collections.abc import Iterable
from importlib.resources import files
from typing import Final

#: Characters of a password: 6.2.1 asks for 8 and recommends 15.
SHORTEST_PASSWORD: Final = 12
#: Longer input only keeps argon2 busy.
LONGEST_PASSWORD: Final = 1024

_LIST: Final = "common_passwords.txt"
#: Characters of a repeated unit up to which a password counts as guessable, however long it is.
_SHORTEST_UNIT: Final = 4
#: Names of fewer letters are ignored; fewer other letters do not make a password of names strong.
_SHORTEST_NAME: Final = 4
_SEPARATORS: Final = re.compile(r"[^\w]+|_")


def is_guessable(password: str, about: Iterable[str] = ()) -> bool:
    """Tell whether `password` is common, or made of a common one or of its owner's names.

    Made of one: with digits and signs around it, or repeated. `about`: names and addresses of the
    owner and the company. Case does not matter.
    """
    folded = unicodedata.normalize("NFKC", password).casefold()
    unit = _unit(folded)
    typed_unit = _unit(password)  # folding may expand one character into many
    if any(
        part != whole and len(part) <= _SHORTEST_UNIT
        for part, whole in ((unit, folded), (typed_unit, password))
    ):
        return True
    # The file is searched as bytes: a set of its lines would stay in memory for a rare check.
    common = (files("fixtures") / _LIST).read_bytes()
    candidates = {folded, unit, _core(folded), _core(unit)}
    lines = [text.encode("utf-8", "replace") for text in candidates if text]
    return _is_made_of_names(password, about) or any(
        b"\n" not in line and b"\n" + line + b"\n" in common for line in lines
    )


def _is_made_of_names(password: str, about: Iterable[str]) -> bool:
    """Tell whether hardly any letters are left without the names and their parts, accents aside."""
    names = {"retour"}
    for text in about:
        whole, _, _ = text.rpartition(".") if "@" in text else (text, "", "")
        names |= {_letters(text), _letters(whole), *map(_letters, _SEPARATORS.split(whole))}
    letters = rest = _letters(password)
    for name in sorted(names, key=len, reverse=True):
        if len(name) >= _SHORTEST_NAME:
            rest = rest.replace(name, "")
    return rest != letters and len(rest) < _SHORTEST_NAME


def _letters(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).casefold()
    return "".join(letter for letter in plain if letter.isalpha())


def _unit(text: str) -> str:
    """The shortest text that gives `text` when it is repeated."""
    place = (text + text).find(text, 1)
    return text[:place] if place > 0 else text


def _core(text: str) -> str:
    """`text` without the digits and signs around its letters."""
    letters = [place for place, letter in enumerate(text) if letter.isalpha()]
    return text[letters[0] : letters[-1] + 1] if letters else ""
