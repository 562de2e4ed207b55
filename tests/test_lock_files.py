"""The check of the two locks finds what it seeks."""

from pathlib import Path
from typing import Final

from tests.lock_files import (
    Locked,
    imports,
    incomplete,
    not_a_part,
    not_imported,
    not_installed,
    read,
)

TEXT: Final = """\
click==8.2.1 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
uvloop==0.23.0 ; sys_platform == 'win32' \\
    --hash=sha256:cc
"""


def test_a_lock_is_read_with_markers_and_hashes() -> None:
    lock = read(TEXT)
    assert lock["click"] == Locked("click==8.2.1", frozenset({"sha256:aa", "sha256:bb"}))
    assert (lock["click"].applies, lock["uvloop"].applies) == (True, False)


def test_a_runtime_lock_that_says_otherwise_is_found() -> None:
    other = read(TEXT.replace("sha256:bb", "sha256:dd") + "tzdata==1 --hash=sha256:ee\n")
    assert list(not_a_part(read(TEXT), read(TEXT))) == []
    assert list(not_a_part(other, read(TEXT))) == [
        "click: the locks differ",
        "tzdata: only in the runtime lock",
    ]


def test_another_version_than_the_locked_one_is_found() -> None:
    assert list(not_installed(read(TEXT), "click==8.2.1\nretour @ file:///elsewhere")) == []
    assert list(not_installed(read(TEXT), "Click==8.2.0")) == [
        "click: 8.2.1 is locked, 8.2.0 is installed"
    ]
    assert list(not_installed(read(TEXT), "")) == ["click: 8.2.1 is locked, None is installed"]


def test_what_an_extra_needs_and_no_lock_names_is_found() -> None:
    lock = read("".join(f"{name}==1 --hash=sha256:aa\n" for name in ("dramatiq", "pika")))
    assert list(incomplete(lock, ["dramatiq[rabbitmq]"])) == []
    assert list(incomplete(lock, ["dramatiq[redis]"])) == [
        "redis is needed, and the lock does not name it"
    ]


def test_an_import_that_no_release_brings_is_found(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text("import click.testing, json\nfrom pytest import fixture\n")
    assert list(not_imported(read(TEXT), imports([tmp_path]))) == [
        "pytest is imported, and the runtime lock does not bring it"
    ]
