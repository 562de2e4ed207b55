"""The tokens: every pair of text and ground that pages use can be read, light and dark."""

import re
from typing import Final

import pytest

from server.technician.files import APP
from server.web.static_files import FOLDER

TEXT: Final = 4.5
CONTROL: Final = 3.0

#: Text on a ground, as the style sheets pair them.
PAIRS: Final = [
    *((ink, ground) for ink in ("ink", "quiet", "accent") for ground in ("paper", "ground")),
    *((tone, "paper") for tone in ("positive", "negative", "caution", "neutral")),
    *((tone, "ground") for tone in ("negative", "caution")),
    *((tone, f"{tone}-wash") for tone in ("positive", "negative", "caution", "neutral", "accent")),
    ("ink", "neutral-wash"),
    ("ink", "accent-wash"),
    ("ink", "caution-wash"),
    ("quiet", "neutral-wash"),
    ("quiet", "accent-wash"),
    ("on-accent", "accent"),
]
#: Edges of controls and marks that carry meaning.
EDGES: Final = [
    ("edge", "paper"),
    ("edge", "ground"),
    ("star", "paper"),
    ("star", "ground"),
    ("star", "caution-wash"),
    ("accent", "paper"),
    ("accent", "ground"),
]


def tokens(scheme: str) -> dict[str, str]:
    """The colours of a scheme by name; dark ones stand over the light."""
    light, dark = (FOLDER / "tokens.css").read_text().split("prefers-color-scheme: dark")
    found = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", light))
    if scheme == "dark":
        found |= dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", dark))
    return found


def luminance(colour: str) -> float:
    """Relative luminance of #rrggbb (WCAG 2.2)."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours, from 1 to 21 (WCAG 2.2)."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_black_on_white_is_twenty_one() -> None:
    assert round(contrast("#000000", "#ffffff"), 2) == 21


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_controls_stand_out(scheme: str) -> None:
    colours = tokens(scheme)
    for pairs, least in ((PAIRS, TEXT), (EDGES, CONTROL)):
        for mark, ground in pairs:
            ratio = contrast(colours[mark], colours[ground])
            assert ratio >= least, f"{mark} on {ground}: {ratio:.2f}"


def test_colours_are_written_in_the_tokens_alone() -> None:
    for name in ("console.css", "survey.css"):
        sheet = (FOLDER / name).read_text()
        assert re.findall(r"#[0-9a-fA-F]{3,8}\b", sheet) == []


def test_chips_are_drawn_in_the_tokens_alone() -> None:
    drawing = re.compile(r"^ *\.chip\b", re.MULTILINE)
    assert drawing.search((FOLDER / "tokens.css").read_text())
    for sheet in (FOLDER / "console.css", FOLDER / "survey.css", APP / "tech.css"):
        assert not drawing.search(sheet.read_text()), sheet.name


def test_style_sheets_name_only_tokens_that_exist() -> None:
    known = set(re.findall(r"(--[\w-]+):", (FOLDER / "tokens.css").read_text()))
    for file in FOLDER.glob("*.css"):
        assert set(re.findall(r"var\((--[\w-]+)\)", file.read_text())) <= known
