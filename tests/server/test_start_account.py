"""docs/start-account.md: its commands lead from an empty account to a survey in the mailbox."""

import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.server.test_up import ROOT, Up, started
from tests.support.processes import environment, until

pytestmark = pytest.mark.slow

PAGE: Final = ROOT / "docs" / "start-account.md"
COMMANDS: Final = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
STRICT: Final = ("-euo", "pipefail")
#: A terminal into which somebody pastes all of it.
PASTED: Final = ("--norc", "--noprofile", "--noediting", "-i")


def followed(up: Up, *how: str) -> subprocess.CompletedProcess[str]:
    """The commands of the page, read by a shell on the Retour `up`."""
    # The page is for a Retour on its usual port, with the command on the PATH.
    commands = "\n".join(COMMANDS.findall(PAGE.read_text()))
    script = commands.replace("http://127.0.0.1:8000", up.demo()["base_url"])
    command = up.folder.parent / "retour"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m server.cli "$@"\n')
    command.chmod(0o755)
    return subprocess.run(
        ["bash", *how],
        input=script.replace("$PWD/.venv/bin", str(command.parent)),
        env=environment({"data": up.folder}) | {"LC_ALL": "fr_CA.UTF-8"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def moved(up: Up) -> subprocess.CompletedProcess[str]:
    """What `retour demo` said, in English."""
    return subprocess.run(
        [sys.executable, "-m", "server.cli", "demo", "--data", str(up.folder)],
        env=environment({}) | {"LC_ALL": "en_CA.UTF-8"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_every_command_of_the_page_works_and_the_survey_arrives(tmp_path: Path) -> None:
    with started(tmp_path / "data") as up:
        done = followed(up, *STRICT)
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.count('"verdict":"accepted"') == 2
        assert done.stdout.endswith("}\n")  # the prompt that follows has a line of its own
        until(lambda: "bonjour@cafe.example" in {mail["to"] for mail in up.mails()}, "the survey")
        refused = moved(up)
        assert refused.returncode == 1
        assert "`retour up --data other`, then `retour demo --data other`" in refused.stderr
        assert up.end(signal.SIGINT) == 0


def test_where_the_clock_was_moved_the_page_says_the_way_out_and_does_nothing(
    tmp_path: Path,
) -> None:
    with started(tmp_path / "data") as up:
        assert moved(up).returncode == 0
        done = followed(up, *PASTED)
        said = done.stdout + done.stderr
        assert "`retour up --data other`, puis --data other ou `export RETOUR_DATA=other`" in said
        assert "token: make the account first" in said
        assert "Traceback" not in said
        assert "401" not in said
        assert followed(up, *STRICT).returncode != 0
        assert up.end(signal.SIGINT) == 0
