"""The embedded PostgreSQL survives whatever happens to its parent, and to its folder."""

import asyncio
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import msgspec
import pytest

from server.postgres import Access, Embedded, EmbeddedError, access
from server.postgres.log_file import LARGEST, NAME, cut_log
from tests.support.databases import QUICK
from tests.support.processes import until

pytestmark = pytest.mark.slow

IS_ROOT = os.geteuid() == 0

#: Starts one and says so; a parent then waits to be killed.
ONCE = """
import sys, time
from pathlib import Path
from server.postgres import Embedded
Embedded(Path(sys.argv[1]), {"fsync": "off"}).start()
print("started", flush=True)
"""
PARENT = f"{ONCE}time.sleep(600)"


@pytest.fixture
def folder() -> Iterator[Path]:
    """A data folder that any user may pass to; pytest shuts its own to others."""
    with tempfile.TemporaryDirectory(prefix="retour-embedded-") as place:
        Path(place).chmod(0o755)
        found = Path(place) / "data"
        found.mkdir()
        yield found


@contextmanager
def running(folder: Path) -> Iterator[Access]:
    embedded = Embedded(folder, QUICK)
    try:
        yield embedded.start()
    finally:
        embedded.stop()


def query(found: Access, *statements: str) -> object:
    """The value of the last statement."""

    async def ask() -> object:
        connection = await asyncpg.connect(found.dsn)
        try:
            for statement in statements[:-1]:
                await connection.execute(statement)
            return await connection.fetchval(statements[-1])
        finally:
            await connection.close()

    return asyncio.run(ask())


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that ended and was not waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@contextmanager
def parent_of(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that started PostgreSQL on `folder` and holds it."""
    process = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(folder)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "started\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_what_was_written_is_there_after_a_stop_and_a_start(folder: Path) -> None:
    with running(folder) as first:
        query(first, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (7) RETURNING n")
        assert query(first, "SHOW server_version_num") >= "180000"  # type: ignore[operator]
    with running(folder) as second:
        assert query(second, "SELECT n FROM kept") == 7


def test_it_ends_with_a_parent_that_is_killed(folder: Path) -> None:
    with parent_of(folder) as parent:
        found = access(folder)
        assert found is not None
        assert is_alive(found.pid)
        parent.send_signal(signal.SIGKILL)
        until(lambda: not is_alive(found.pid), "PostgreSQL ended with its parent")


def test_a_kill_of_everything_at_once_is_survived(folder: Path) -> None:
    with parent_of(folder) as parent:
        found = access(folder)
        assert found is not None
        query(found, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (7) RETURNING n")
        os.kill(found.pid, signal.SIGKILL)
        parent.send_signal(signal.SIGKILL)
    with running(folder) as again:
        assert query(again, "SELECT n FROM kept") == 7


def test_a_leftover_server_is_ended_first(folder: Path) -> None:
    leftover = Embedded(folder, QUICK)
    before = leftover.start()
    with running(folder) as after:
        assert query(after, "SELECT 1") == 1
        assert after.pid != before.pid
        assert not is_alive(before.pid)
    leftover.stop()


def test_a_pid_file_that_names_another_program_is_no_obstacle(folder: Path) -> None:
    with running(folder):
        pass
    # As after a crash, when the number was given to somebody else: to this very process.
    pid_file = folder.joinpath("postgres", "cluster", "postmaster.pid")
    pid_file.write_text(f"{os.getpid()}\n{folder}/postgres/cluster\n0\n5432\n\n\n")
    with running(folder) as found:
        assert query(found, "SELECT 1") == 1


def test_a_cluster_left_half_made_is_made_anew(folder: Path) -> None:
    with running(folder):
        pass
    home = folder / "postgres"
    (home / "cluster").rename(home / "partial")
    (home / "partial" / "global" / "pg_control").unlink()
    with running(folder) as found:
        assert query(found, "SELECT 1") == 1


def test_anothers_password_file_is_said_to_be_wrong(folder: Path) -> None:
    with running(folder):
        pass
    (folder / "postgres.password").write_text("another")
    with pytest.raises(EmbeddedError, match=r"postgres\.password"):
        Embedded(folder, QUICK).start()


def test_anothers_server_at_the_port_is_not_taken_for_ours(folder: Path) -> None:
    ours = Embedded(folder, QUICK)
    with running(folder.parent / "other") as other:
        moved = msgspec.structs.replace(ours.start(), port=other.port)
        ours.stop()
        (folder / "postgres.json").write_bytes(msgspec.json.encode(moved))
        with pytest.raises(EmbeddedError, match="Address already in use"):
            asyncio.run(ours.restart())


def test_a_server_that_cannot_start_shows_its_log(folder: Path) -> None:
    with pytest.raises(EmbeddedError, match="shared_buffers"):
        Embedded(folder, {"shared_buffers": "nonsense"}).start()


def test_the_password_and_the_log_are_for_the_owner_only(folder: Path) -> None:
    with running(folder):
        for name in ("postgres.password", "postgres.json", "postgres.log"):
            assert (folder / name).stat().st_mode & 0o777 == 0o600
        assert folder.joinpath("postgres").resolve().stat().st_mode & 0o777 == 0o700


def test_nothing_is_known_of_a_folder_where_none_was_started(tmp_path: Path) -> None:
    assert access(tmp_path) is None


@pytest.mark.skipif(not IS_ROOT, reason="only root starts PostgreSQL as another user")
def test_root_reaches_a_folder_that_the_unprivileged_user_cannot(tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    with running(private / "data") as found:
        query(found, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (7) RETURNING n")
    assert (private / "data" / "postgres").is_symlink()
    with running(private / "data") as found:
        assert query(found, "SELECT n FROM kept") == 7
    assert private.stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(not IS_ROOT, reason="only root starts PostgreSQL as another user")
@pytest.mark.parametrize("kept", [True, False])
def test_a_folder_in_the_place_of_another_is_a_fresh_one(tmp_path: Path, kept: bool) -> None:
    """The other one was moved, and keeps its database, or was thrown away."""
    data, moved = tmp_path / "data", tmp_path / "moved"
    data.mkdir(mode=0o700)
    with running(data) as found:
        query(found, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (7) RETURNING n")
    home = (data / "postgres").resolve()
    data.rename(moved)
    if not kept:
        shutil.rmtree(moved)
    data.mkdir(mode=0o700)
    with running(data) as found:
        assert query(found, "SELECT to_regclass('kept')") is None
        if kept:
            with running(moved) as other:
                assert query(other, "SELECT n FROM kept") == 7
    for place in (home, (data / "postgres").resolve()):
        shutil.rmtree(place)


def test_a_folder_whose_database_is_gone_is_no_fresh_one(tmp_path: Path) -> None:
    data, gone = tmp_path / "data", tmp_path / "gone"
    data.mkdir()
    (data / "postgres").symlink_to(gone)
    with pytest.raises(EmbeddedError, match=f"{gone}, which is gone"), running(data):
        pass
    assert not gone.exists()


def _as_ordinary_user(work: Callable[[], object]) -> None:
    """Do `work` in a child that is no root; a fork, for our Python may be for root's eyes only."""
    child = os.fork()
    if child == 0:
        try:
            if IS_ROOT:
                nobody = pwd.getpwnam("nobody")
                os.setgroups([])
                os.setgid(nobody.pw_gid)
                os.setuid(nobody.pw_uid)
                os.environ["HOME"] = nobody.pw_dir  # asyncpg looks for passwords there
            work()
        finally:  # the child never returns to pytest
            failure = sys.exception()
            if failure is not None:
                traceback.print_exception(failure)
            os._exit(0 if failure is None else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_an_ordinary_user_runs_the_binaries_where_they_are(folder: Path) -> None:
    if IS_ROOT:
        os.chown(folder, pwd.getpwnam("nobody").pw_uid, -1)

    def start() -> None:
        embedded = Embedded(folder, QUICK)
        embedded.start()
        embedded.stop()

    _as_ordinary_user(start)
    assert (folder / "postgres" / "cluster" / "PG_VERSION").is_file()
    assert (folder / "postgres" / "cluster").owner() == folder.owner()


def test_a_folder_of_another_user_is_named(tmp_path: Path) -> None:
    def start() -> None:
        with pytest.raises(EmbeddedError, match="belongs to another user"):
            Embedded(Path("/root/retour-of-another-user"), QUICK).start()

    _as_ordinary_user(start)


def test_its_log_begins_anew_while_it_runs_and_the_one_before_is_kept(folder: Path) -> None:
    with running(folder) as found:
        log = folder / NAME
        with log.open("ab") as out:
            out.write(b"x" * LARGEST)
        cut_log(folder)
        assert log.stat().st_size == 0
        with pytest.raises(asyncpg.UndefinedTableError):
            query(found, "SELECT 1 FROM nothing_of_that_name")
        until(lambda: b"nothing_of_that_name" in log.read_bytes(), "the log goes on")
        assert b"\0" not in log.read_bytes()
        cut_log(folder)
        assert log.stat().st_size > 0
    older = folder / f"{NAME}.1"
    assert older.read_bytes().endswith(b"x" * 100)
    assert older.stat().st_mode & 0o777 == 0o600
