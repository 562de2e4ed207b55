"""Which passwords are refused: those that everybody tries first (ASVS 5.0, 6.2.4 and 6.2.11).

The list stands in `fixtures/common_passwords.txt` with its sources and licences. Nothing is asked
about kinds of characters (6.2.5), and nothing leaves the machine.
"""

import re
import unicodedata
from collections.abc import Iterable
from importlib.resources import files
from typing import Final

#: Characters of a password: 6.2.1 asks for 8 and recommends 15.
SHORTEST_PASSWORD: Final = 12
#: More is no password but an attempt to keep argon2 busy.
LONGEST_PASSWORD: Final = 1024

_LIST: Final = "common_passwords.txt"
#: A few characters repeated to fill the form are no better for being many.
_SHORTEST_UNIT: Final = 4
#: Fewer letters are no name by themselves, nor do they make a password of one.
_SHORTEST_NAME: Final = 4
_BETWEEN: Final = re.compile(r"[^\w]+|_")


def is_guessable(password: str, about: Iterable[str] = ()) -> bool:
    """Whether `password` is common, or is made of a common one or of what is known of its owner.

    Made of: with digits and signs around it, or repeated. `about`: names and addresses of the
    owner and the firm. Case does not matter.
    """
    folded = _folded(password)
    unit = _unit(folded)
    typed = _unit(password)  # one sign may become a whole sentence when it is folded
    if any(
        one != whole and len(one) <= _SHORTEST_UNIT
        for one, whole in ((unit, folded), (typed, password))
    ):
        return True
    common = (files("fixtures") / _LIST).read_bytes()
    tried = {folded, unit, _core(folded), _core(unit)}
    return _is_of_names(password, about) or any(_is_listed(one, common) for one in tried if one)


def _is_of_names(password: str, about: Iterable[str]) -> bool:
    """Whether next to nothing is left of the letters without the names, accents aside."""
    letters = rest = _letters(password)
    for name in sorted(_names(about), key=len, reverse=True):
        rest = rest.replace(name, "")
    return rest != letters and len(rest) < _SHORTEST_NAME


def _names(about: Iterable[str]) -> set[str]:
    """What a guesser makes of names and addresses: whole and part by part."""
    parts = {"retour"}
    for text in about:
        whole, _, _ = text.rpartition(".") if "@" in text else (text, "", "")
        parts |= {_letters(text), _letters(whole), *map(_letters, _BETWEEN.split(whole))}
    return {part for part in parts if len(part) >= _SHORTEST_NAME}


def _letters(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).casefold()
    return "".join(letter for letter in plain if letter.isalpha())


def _is_listed(text: str, common: bytes) -> bool:
    """By the bytes of the file: a set of its lines would stay in memory for a rare question."""
    line = text.encode("utf-8", "replace")
    return b"\n" not in line and b"\n" + line + b"\n" in common


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _unit(text: str) -> str:
    """The shortest text that gives `text` when it is repeated."""
    place = (text + text).find(text, 1)
    return text[:place] if place > 0 else text


def _core(text: str) -> str:
    """`text` without the digits and signs around its letters."""
    letters = [place for place, letter in enumerate(text) if letter.isalpha()]
    return text[letters[0] : letters[-1] + 1] if letters else ""
