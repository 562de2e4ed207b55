"""The check of docs/features.md reports each kind of mistake."""

from pathlib import Path
from typing import Final

import pytest

from tests.features import PAGE, ROOT, Feature, find_tests, problems, read

TEXT: Final = """\
# Features

How to read it.

| chapter | works | partly | not yet |
|---|---|---|---|
| [Campaigns](#campaigns-c) | 1 | 1 | 0 |
| [Timing](#timing-w) | 0 | 0 | 1 |
| **All features** | 1 | 1 | 1 |
| [Numbered rules](#numbered-rules) | 1 | 0 | 0 |

## Campaigns (C)

A word before the table.

| id | behaviour | state | tests |
|---|---|---|---|
| C1 | Asks. | works | `tests/test_a.py::test_asks`<br>`tests/b/test_b.py::test_once` |
| C2 | Lists: all. | partly: no scores | `tests/test_a.py::test_asks` |

## Timing (W)

| id | behaviour | state | tests |
|---|---|---|---|
| W1 | Waits. | not yet | |

## Numbered rules

| id | behaviour | state | tests |
|---|---|---|---|
| 1 | Never late. | works | `tests/b/test_b.py::test_once` |

## Words

No table.
"""
KNOWN: Final = {"tests/test_a.py::test_asks", "tests/b/test_b.py::test_once"}

#: A name, the text to replace, its replacement, and the problems that follow.
CASES: Final[list[tuple[str, str, str, list[str]]]] = [
    ("an id twice", "| C2 |", "| C1 |", ["C1: occurs 2 times"]),
    ("a gap", "| C2 |", "| C3 |", ["C2: is missing in Campaigns"]),
    ("no first one", "| W1 |", "| W2 |", ["W1: is missing in Timing"]),
    ("a gap in the rules", "| 1 | Never", "| 2 | Never", ["1: is missing in Numbered rules"]),
    ("another chapter's id", "| W1 |", "| C3 |", ["C3: is no id of Timing"]),
    ("no id at all", "| W1 |", "| soon |", ["soon: is no id of Timing"]),
    (
        "an unknown state",
        "| Waits. | not yet |",
        "| Waits. | soon |",
        [
            "W1: its state 'soon' is none of works, partly, not yet",
            "counts: Timing has 0, 0, 0, its row says 0, 0, 1",
            "counts: All features has 1, 1, 0, its row says 1, 1, 1",
        ],
    ),
    (
        "a bar too many",
        "| Waits. | not yet |",
        "| Waits | or not. | not yet |",
        [
            "W1: its state 'or not. | not yet' is none of works, partly, not yet",
            "counts: Timing has 0, 0, 0, its row says 0, 0, 1",
            "counts: All features has 1, 1, 0, its row says 1, 1, 1",
        ],
    ),
    (
        "works without a test",
        "| 1 | Never late. | works | `tests/b/test_b.py::test_once` |",
        "| 1 | Never late. | works | |",
        ["1: works, and no test is named"],
    ),
    (
        "partly without a test",
        "no scores | `tests/test_a.py::test_asks` |",
        "no scores | |",
        ["C2: partly, and no test is named"],
    ),
    (
        "not yet with a test",
        "| not yet | |",
        "| not yet | `tests/test_a.py::test_asks` |",
        ["W1: not yet, and a test is named"],
    ),
    (
        "partly, and nothing missing",
        "partly: no scores",
        "partly:",
        ["C2: the state partly, and no other, names what is missing"],
    ),
    (
        "works, and something missing",
        "| works | `tests/b",
        "| works: but slowly | `tests/b",
        ["1: the state partly, and no other, names what is missing"],
    ),
    (
        "a test that does not exist",
        "test_b.py::test_once` |\n| C2",
        "test_b.py::test_twice` |\n| C2",
        ["C1: there is no test tests/b/test_b.py::test_twice"],
    ),
    (
        "a parametrised name",
        "no scores | `tests/test_a.py::test_asks`",
        "no scores | `tests/test_a.py::test_asks[fr]`",
        ["C2: there is no test tests/test_a.py::test_asks[fr]"],
    ),
    (
        "words in place of a test",
        "no scores | `tests/test_a.py::test_asks`",
        "no scores | soon",
        ["C2: there is no test soon"],
    ),
    (
        "a wrong count",
        "(#timing-w) | 0 | 0 | 1 |",
        "(#timing-w) | 1 | 0 | 0 |",
        ["counts: Timing has 0, 0, 1, its row says 1, 0, 0"],
    ),
    (
        "a wrong sum",
        "**All features** | 1 |",
        "**All features** | 2 |",
        ["counts: All features has 1, 1, 1, its row says 2, 1, 1"],
    ),
    (
        "no count",
        "| [Timing](#timing-w) | 0 | 0 | 1 |\n",
        "",
        ["counts: there is no row for Timing"],
    ),
    (
        "a count of nothing",
        "| [Timing](#timing-w) |",
        "| Words | 0 | 0 | 0 |\n| [Timing](#timing-w) |",
        ["counts: Words is no chapter"],
    ),
]


def test_a_sound_page_is_silent() -> None:
    page = read(TEXT)
    assert [chapter.title for chapter in page.chapters] == ["Campaigns", "Timing", "Numbered rules"]
    assert page.chapters[0].features[1] == Feature(
        "C2", "partly", "no scores", ["tests/test_a.py::test_asks"]
    )
    assert problems(page, KNOWN) == []


@pytest.mark.parametrize(
    ("there", "instead", "wrong"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_what_is_wrong_with_a_page_is_reported(there: str, instead: str, wrong: list[str]) -> None:
    assert TEXT.count(there) == 1
    assert problems(read(TEXT.replace(there, instead)), KNOWN) == wrong


def test_tests_are_found_without_importing_them(tmp_path: Path) -> None:
    folder = tmp_path / "tests" / "mail"
    folder.mkdir(parents=True)
    (folder / "test_sent.py").write_text(
        "import nothing\n\n@mark.slow\ndef test_one(): ...\n\nasync def test_two(): ...\n\n"
        "def tested(): ...\n\nclass Test:\n    def test_three(self): ...\n"
    )
    (folder / "sent.py").write_text("def test_four(): ...\n")
    assert find_tests(tmp_path) == {
        "tests/mail/test_sent.py::test_one",
        "tests/mail/test_sent.py::test_two",
    }


def test_our_own_page_is_sound() -> None:
    assert problems(read((ROOT / PAGE).read_text(encoding="utf-8")), find_tests(ROOT)) == []
