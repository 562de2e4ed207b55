"""The table of flips names places that are there, and tests of their numbers that exist."""

import re

import pytest

from tests.flips import ROOT, Flip, flips


@pytest.mark.parametrize("flip", flips(), ids=lambda flip: f"{flip.point} in {flip.path}")
def test_each_flip_finds_its_place_and_a_test_of_its_number(flip: Flip) -> None:
    right = (ROOT / flip.path).read_text("utf-8")
    assert flip.applied(right) != right
    path, _, name = flip.test.partition("::")
    function, _, case = name.removesuffix("]").partition("[")
    source = (ROOT / path).read_text("utf-8")
    assert f"def {function}(" in source
    assert not case or f'"{case}"' in source
    assert re.match(rf"(test_)?{flip.point}[_:]", case or function)


def test_each_point_about_asking_is_in_the_table() -> None:
    assert {flip.point for flip in flips()} == {*range(1, 23)}
