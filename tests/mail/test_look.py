"""C2: colours between own ones, with a number on each that everybody can read."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from mail.campaigns.look import BLACK, LEGIBLE, WHITE, Gradient, cells, contrast

COLOURS = some.from_regex(r"#[0-9a-f]{6}", fullmatch=True)


@given(some.lists(COLOURS, min_size=2, max_size=3), some.sampled_from([2, 5, 7, 11]))
def test_every_number_is_legible_on_its_colour(colours: list[str], number: int) -> None:
    drawn = cells(Gradient(colours), number)
    assert len(drawn) == number
    assert (drawn[0].colour, drawn[-1].colour) == (colours[0], colours[-1])
    assert all(contrast(cell.colour, cell.ink) >= LEGIBLE for cell in drawn)


@pytest.mark.parametrize(
    ("colours", "number", "drawn"),
    [
        (["#000000", "#ffffff"], 2, ["#000000", "#ffffff"]),
        (["#000000", "#ff0080"], 5, ["#000000", "#400020", "#800040", "#bf0060", "#ff0080"]),
        (["#c00000", "#ffd000", "#008040"], 3, ["#c00000", "#ffd000", "#008040"]),
        (
            ["#c00000", "#C0c000", "#00c000"],
            5,
            ["#c00000", "#c06000", "#c0c000", "#60c000", "#00c000"],
        ),
    ],
)
def test_colours_go_from_the_first_to_the_last(
    colours: list[str], number: int, drawn: list[str]
) -> None:
    assert [cell.colour for cell in cells(Gradient(colours), number)] == drawn


def test_contrast_is_that_of_wcag() -> None:
    assert contrast(BLACK, WHITE) == contrast(WHITE, BLACK) == 21
    assert contrast(WHITE, WHITE) == 1
    assert contrast("#767676", WHITE) == pytest.approx(4.54, abs=0.005)
