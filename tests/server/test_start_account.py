"""docs/start-account.md: its commands lead from an empty account to a survey in the mailbox."""

import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.server.test_up import ROOT, started
from tests.support.processes import environment, until

pytestmark = pytest.mark.slow

PAGE: Final = ROOT / "docs" / "start-account.md"
COMMANDS: Final = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_every_command_of_the_page_works_and_the_survey_arrives(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    commands = "\n".join(COMMANDS.findall(PAGE.read_text()))
    with started(folder) as up:
        # The page is for a fresh Retour on its usual port, with the command on the PATH.
        script = commands.replace("http://127.0.0.1:8000", up.demo()["base_url"])
        command = tmp_path / "retour"
        command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m server.cli "$@"\n')
        command.chmod(0o755)
        script = script.replace("$PWD/.venv/bin", str(tmp_path))
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            env=environment({"data": folder}) | {"LC_ALL": "fr_CA.UTF-8"},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.count('"verdict":"accepted"') == 2
        until(lambda: "bonjour@cafe.example" in {mail["to"] for mail in up.mails()}, "the survey")
        assert up.end(signal.SIGINT) == 0
