"""What `python -m tests.shape` counts, on small packages."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.shape import fragments, functions, measures, sources

WORK = '''"""Work."""

from mail.helping import shared


def run(jobs):
    """Run."""
    for one in jobs:
        _begin(one)
        _end(one)
    return shared(jobs)


def stop(jobs):
    return [_end(job) for job in jobs]


def _begin(job):
    return job


def _end(job):
    return job


class Runner:
    def _turn(self):
        return None

    def go(self):
        return self._turn()
'''
HELPING = '"""Helping."""\n\n\ndef shared(jobs):\n    return jobs\n'


def written(folder: Path, files: Mapping[str, str]) -> Path:
    """`files` of the package mail below `folder`; the other packages are empty."""
    for path, text in files.items():
        file = folder / "mail" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder


def test_a_fragment_is_private_and_used_in_one_place(tmp_path: Path) -> None:
    found = sources(written(tmp_path, {"work.py": WORK, "helping.py": HELPING}))
    assert [str(function) for function in fragments(found)] == [
        "mail.work: _begin",
        "mail.work: Runner._turn",
    ]


def test_functions_and_methods_have_lengths_with_their_decorators(tmp_path: Path) -> None:
    text = "@cache\ndef first():\n    def inside():\n        return 1\n    return inside\n"
    [source] = sources(written(tmp_path, {"work.py": text}))
    assert [(function.name, function.lines) for function in functions(source)] == [("first", 5)]


def test_what_a_framework_calls_is_no_fragment(tmp_path: Path) -> None:
    text = "@get('/')\ndef _page():\n    return 1\n\n\nLIST = [_page]\n"
    assert fragments(sources(written(tmp_path, {"work.py": text}))) == []


@pytest.mark.parametrize(
    ("files", "measure", "value"),
    [
        ({"work.py": "def long():\n" + "    x = 1\n" * 50}, "lines of a function", 51),
        ({"work.py": "x = 1\n" * 301}, "lines of a module", 301),
        ({f"file{n}.py": "" for n in range(11)}, "loose files of a package", 11),
        ({f"room{n}/names.py": "" for n in range(3)}, "names of three modules", 1),
        ({"work.py": "my_turn = 1\nturning = 2\n"}, "names with 'turn'", 1),
        ({"work.py": "def told(x):\n    told_by = x\n"}, "names with 'told'", 2),
        ({"states.py": "HOLD = 1\n", "work.py": "holds = 1\n"}, "names with 'hold'", 1),
        ({"work.py": "for one in []:\n    pass\nnone = 1\n"}, "names that are 'one'", 1),
        ({"work.py": WORK, "helping.py": HELPING}, "fragments, % of functions", 100 * 2 / 7),
    ],
)
def test_each_measure_counts(
    tmp_path: Path, files: Mapping[str, str], measure: str, value: float
) -> None:
    everything = {"room/other.py": "def run():\n    return 1\n", **files}
    if measure.startswith("fragments"):
        everything = dict(files)
    found = {one.name: one for one in measures(sources(written(tmp_path, everything)))}
    assert found[measure].value == value
