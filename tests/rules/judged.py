"""Addresses and what comes of them: two tables, which the server and the app are held to alike."""

import json
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
#: At the bounds of RFC 5321 and 1035, in letters of one and of two code units.
BOUNDS: Final[dict[str, str | None]] = {
    f"{'a' * 64}@{'b' * 60}.{'c' * 60}.{'d' * 60}.{'e' * 6}": (
        f"{'a' * 64}@{'b' * 60}.{'c' * 60}.{'d' * 60}.{'e' * 6}"
    ),
    f"{'a' * 64}@{'b' * 60}.{'c' * 60}.{'d' * 60}.{'e' * 7}": None,
    f"{'a' * 65}@example.com": None,
    f"ann@{'a' * 63}.com": f"ann@{'a' * 63}.com",
    f"ann@{'a' * 64}.com": None,
    f"ann@{'é' * 64}.com": None,
    f"ann@{'𠀀' * 20}.com": "ann@xn--j50iaaaaaaaaaaaaaaaaaaa.com",
    f"ann@{'ﷺ' * 80}.com": None,
    f"{'a' * 64}@{'.'.join(['é' + 'b' * 50] * 3)}.{'c' * 30}": None,
}


def table(name: str) -> dict[str, str | None]:
    """What is typed, and what comes of it."""
    return dict(json.loads((HERE / name).read_text("utf-8")))


def cases() -> dict[str, str | None]:
    """Every address of the tables, with its normal form."""
    of_domains = {
        f"ann@{one}": None if host is None else f"ann@{host}"
        for one, host in table("domains.json").items()
    }
    return table("addresses.json") | of_domains | BOUNDS
