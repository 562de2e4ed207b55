"""`retour up`: one command starts everything, and whatever ends it, the next start goes on."""

import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from server.postgres import access
from server.postgres.supervisor import STARTS
from tests.support.processes import environment, until

pytestmark = pytest.mark.slow

ROOT: Final = Path(__file__).parents[2]
DEMO_STAGE: Final = "Writing the demonstration"
#: Seconds in which it stops, on a machine that does much else.
SOON: Final = 15


class Up:
    """One `retour up`, in a process group of its own."""

    def __init__(self, folder: Path, *options: str, port: int = 0, code: Path = ROOT) -> None:
        self.folder = folder
        self.output = folder.parent / f"{secrets.token_hex(4)}.out"
        with self.output.open("wb") as out:
            self.popen = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "server.cli",
                    "up",
                    "--data",
                    folder,
                    "--port",
                    str(port),
                    *options,
                ],
                env=environment({}) | {"LC_ALL": "en_CA.UTF-8"},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd=code,
            )

    def said(self) -> str:
        """What it wrote on the terminal so far."""
        return self.output.read_text()

    def wait_for(self, words: str) -> None:
        """Until it has said `words`."""
        until(lambda: words in self.said() or self.popen.poll() is not None, words)
        assert words in self.said()

    def demo(self) -> Any:
        """What `demo.json` says."""
        return json.loads((self.folder / "demo.json").read_bytes())

    def mails(self) -> list[dict[str, str]]:
        """What the mailbox lists."""
        with urllib.request.urlopen(self.demo()["mailbox"], timeout=10) as answer:
            listed: list[dict[str, str]] = json.load(answer)
        return listed

    def end(self, number: signal.Signals) -> int:
        """Send it a signal; its exit code."""
        self.popen.send_signal(number)
        return self.popen.wait(timeout=SOON)

    def kill_everything(self) -> None:
        """Kill -9 of PostgreSQL and of all of ours, as a power cut would."""
        found = access(self.folder)
        if found is not None:
            os.kill(found.pid, signal.SIGKILL)
        os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait()


@contextmanager
def started(
    folder: Path, *options: str, words: str = "Ctrl-C stops", code: Path = ROOT
) -> Iterator[Up]:
    """`retour up` on a free port, once it has said `words`."""
    up = Up(folder, *options, code=code)
    try:
        up.wait_for(words)
        yield up
    finally:
        if up.popen.poll() is None:
            up.kill_everything()


def read_signed_in(up: Up, path: str) -> str:
    """What the administrator reads at `path`."""
    user = up.demo()["users"][0]
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    base = up.demo()["base_url"]
    body = json.dumps({"email": user["email"], "password": user["password"]}).encode()
    headers = {"Content-Type": "application/json", "Origin": base}
    request = urllib.request.Request(f"{base}/api/v1/sessions", body, headers)
    opener.open(request, timeout=10).close()
    with opener.open(f"{base}{path}", timeout=10) as answer:
        text: str = answer.read().decode()
    return text


def tasks(up: Up) -> int:
    """How many tasks the API lists."""
    return len(json.loads(read_signed_in(up, "/api/v1/tasks?limit=500"))["items"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a demo that has sent its first mails."""
    made = tmp_path_factory.mktemp("up") / "data"
    with started(made) as up:
        until(lambda: len(up.mails()) >= 3, "the maintenance just ended is asked about")
        assert up.end(signal.SIGINT) == 0
    return made


def test_the_first_start_tells_where_to_go_and_writes_it_down(folder: Path) -> None:
    with started(folder) as up:
        demo = up.demo()
        assert demo["base_url"] in up.said()
        assert [user["role"] for user in demo["users"]].count("technician") == 8
        office, technicians = up.said().split("Technicians use the app")
        for user in demo["users"]:
            is_technician = user["role"] == "technician"
            assert user["email"] in (technicians if is_technician else office)
            assert is_technician or user["password"] in up.said()
            assert ("password" in user) is not is_technician  # it would open nothing
        assert "Manager" in office
        assert "A phone cannot reach this address" in technicians
        assert tasks(up) == 300
        for name in ("demo.json", "retour.log", "security.log", "postgres.log", "secret"):
            assert (folder / name).stat().st_mode & 0o777 == 0o600


def test_security_events_stand_in_a_file_of_their_own(folder: Path) -> None:
    with started(folder) as up:
        tasks(up)
        words = ("enrol", "luc@boreal.example", "--data", str(folder))
        command = [sys.executable, "-m", "server.cli", *words]
        done = subprocess.run(
            command, env=environment({}), capture_output=True, check=True, cwd=ROOT
        )
        assert done.stderr == b""
    lines = [json.loads(line) for line in (folder / "security.log").read_text().splitlines()]
    assert {line["logger"] for line in lines} == {"retour.security"}
    assert [line["event"] for line in lines[-2:]] == ["signed_in", "code_issued"]
    assert (lines[-2]["peer"], lines[-1]["peer"]) == ("127.0.0.1", "terminal")


def test_a_second_one_on_the_same_folder_is_refused(folder: Path) -> None:
    with started(folder) as first:
        second = Up(folder)
        assert second.popen.wait(timeout=60) == 1
        assert "Retour already runs on" in second.said()
        assert "Traceback" not in second.said()
        assert tasks(first) == 300


def test_a_port_that_is_taken_is_said_so(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        up = Up(folder, port=port)
        assert up.popen.wait(timeout=60) == 1
    assert f"Cannot listen on 127.0.0.1:{port}" in up.said()


def test_all_data_is_there_after_a_stop_and_a_start(folder: Path) -> None:
    with started(folder) as up:
        users, mails = up.demo()["users"], up.mails()
        found = access(folder)
        assert up.end(signal.SIGTERM) == 0
        assert found is not None
        assert not Path(f"/proc/{found.pid}").exists()
    assert mails
    with started(folder) as again:
        assert again.demo()["users"] == users
        assert again.mails() == mails
        assert tasks(again) == 300


def test_the_demonstrations_clock_can_be_moved_to_see_what_waits(folder: Path) -> None:
    words = [sys.executable, "-m", "server.cli", "demo", "--hours", "12", "--data", str(folder)]
    with started(folder) as up:
        before = len(up.mails())
        done = subprocess.run(
            words, env=environment({}), capture_output=True, check=True, cwd=ROOT, text=True
        )
        assert "For the demonstration it is now" in done.stdout
        until(lambda: len(up.mails()) >= before + 4, "surveys that waited twelve hours are sent")
        mails = [(mail["to"], mail["subject"]) for mail in up.mails()]
        assert len(set(mails)) == len(mails)  # none looks like a duplicate
        console = read_signed_in(up, "/tasks?lang=en")
        assert "The clock of this demonstration is 12 hours ahead." in console
        [newest, *_] = re.findall(r'<time datetime="([^"]+)"', read_signed_in(up, "/mailbox"))
        assert datetime.fromisoformat(newest) > datetime.now(UTC) + timedelta(hours=11)
        assert up.end(signal.SIGINT) == 0
        assert "Retour has stopped" in up.said()
    with started(folder) as again:
        assert "moved 12 hours ahead" in again.said()
        assert tasks(again) == 300


def kill_database(folder: Path) -> None:
    """Kill -9 of PostgreSQL alone."""
    found = access(folder)
    assert found is not None
    os.kill(found.pid, signal.SIGKILL)


def readiness(up: Up) -> tuple[int, str | None]:
    """The status of /ready, and after how many seconds to ask again."""
    try:
        with urllib.request.urlopen(f"{up.demo()['base_url']}/ready", timeout=10) as answer:
            return answer.status, None
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["Retry-After"]


def test_a_database_that_is_killed_is_started_again_under_everything_else(folder: Path) -> None:
    with started(folder) as up:
        before = access(folder)
        kill_database(folder)
        seen = [readiness(up)]

        def is_back() -> bool:
            seen.append(readiness(up))
            return seen[-1][0] == 200

        until(is_back, "the database is back")
        assert {status for status, _ in seen} <= {200, 503}  # it may be back before we ask
        assert all(wait for status, wait in seen if status == 503)
        assert tasks(up) == 300
        after = access(folder)
        assert before is not None
        assert after is not None
        assert (after.port, after.pid != before.pid) == (before.port, True)
        assert up.end(signal.SIGINT) == 0


def test_a_database_that_somebody_asks_to_end_is_started_again_too(folder: Path) -> None:
    with started(folder) as up:
        before = access(folder)
        assert before is not None
        os.kill(before.pid, signal.SIGTERM)
        until(lambda: access(folder) != before, "it is started again")
        until(lambda: readiness(up)[0] == 200, "the database is back")
        assert tasks(up) == 300
        assert up.end(signal.SIGINT) == 0


def test_a_database_that_ends_again_and_again_is_given_up(folder: Path) -> None:
    with started(folder) as up:
        for _ in range(STARTS):
            known = access(folder)
            kill_database(folder)
            until(lambda known=known: access(folder) != known, "it is started again")  # type: ignore[misc]
        kill_database(folder)
        assert up.popen.wait(timeout=SOON) == 1
        assert "PostgreSQL ended by itself" in up.said()
    with started(folder) as up:
        assert tasks(up) == 300


def test_a_kill_of_everything_loses_nothing(folder: Path) -> None:
    with started(folder) as up:
        mails = up.mails()
        up.kill_everything()
    with started(folder) as again:
        assert again.mails() == mails
        assert tasks(again) == 300
        assert again.end(signal.SIGINT) == 0


def test_a_kill_while_the_demo_is_written_leaves_no_half_of_it(tmp_path: Path) -> None:
    with started(tmp_path / "data", words=DEMO_STAGE) as up:
        up.kill_everything()
    with started(tmp_path / "data") as again:
        assert tasks(again) == 300


def test_a_change_of_the_code_starts_everything_again(folder: Path, tmp_path: Path) -> None:
    code = tmp_path / "code"
    for package in ("rules", "sync", "mail", "server", "fixtures"):
        shutil.copytree(ROOT / package, code / package)
    with started(folder, "--reload", code=code) as up:
        before = tasks(up)
        (code / "server" / "templates" / "layout.html").touch()
        until(lambda: up.said().count("Ctrl-C stops") == 2, "everything is started again")
        assert tasks(up) == before
