"""The installed app: cold starts, kills, full disks, pushing while closed, new versions."""

import shutil
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import CDPSession, Error

from server.technician import files
from tests.support.listening import hold
from tests.support.processes import until
from tests.technician.field import Field
from tests.technician.gate import Gate
from tests.technician.phone import BLANK, Phone, Tab

#: An app stays installed whatever happens to the browser.
pytestmark = pytest.mark.restarts

PUSH = b"POST /api/v1/sync/push"


def test_the_app_starts_cold_without_a_network_with_its_tasks_and_its_queue(
    handset: Phone, installed: Tab, field: Field, gate: Gate
) -> None:
    gate.cut()
    recorded = installed.record(field.task, "300")
    handset.kill()
    again = handset.tab()
    assert again.status["firstSync"] is None
    assert again.run("return (await engine.tasks()).map((task) => task.state.code)") == ["300"]
    assert list(again.queue()) == [recorded]
    assert again.run("return engine.session.deviceName") == "Téléphone"
    gate.listen()
    again.settle()
    assert again.queue() == {recorded: "accepted"}


def test_a_killed_browser_loses_nothing_that_was_recorded(
    handset: Phone, installed: Tab, field: Field, gate: Gate
) -> None:
    gate.cut()
    recorded = [installed.record(field.task, state) for state in ("200", "300", "600")]
    handset.kill()
    gate.listen()
    again = handset.tab()
    again.settle()
    assert again.queue() == dict.fromkeys(recorded, "accepted")
    assert field.states(field.task) == ["200", "300", "600"]


def test_without_space_nothing_counts_as_recorded_and_nothing_is_lost(
    handset: Phone, installed: Tab, field: Field, gate: Gate
) -> None:
    gate.cut()
    kept = installed.record(field.task, "300")
    handset.kill()
    page = handset.context.new_page()
    page.goto(handset.origin + BLANK)
    session = handset.context.new_cdp_session(page)
    _allow(session, gate, 1)
    tab = Tab(page)
    order = {"task": str(field.task), "state": "600"}
    assert tab.run("return engine.record(given)", order) == {"error": "storage_full"}
    assert list(tab.queue()) == [kept]
    assert tab.task(field.task)["state"]["code"] == "300"
    tab.until("engine.status.problem === 'storage_full'")
    _allow(session, gate, 1 << 30)
    until(lambda: "id" in tab.run("return engine.record(given)", order), "there is space again")
    gate.listen()
    tab.run("await engine.sync()")
    tab.settle()
    assert set(tab.queue().values()) == {"accepted"}
    assert field.states(field.task) == ["300", "600"]
    tab.until("engine.status.problem === null")


def _allow(session: CDPSession, gate: Gate, size: int) -> None:
    session.send("Storage.overrideQuotaForOrigin", {"origin": gate.origin, "quotaSize": size})


@pytest.mark.restarts
def test_the_worker_pushes_when_no_page_is_open(
    handset: Phone, installed: Tab, field: Field, gate: Gate
) -> None:
    installed.record(field.task, "600")
    handset.context.new_page()
    installed.page.close()
    until(lambda: field.states(field.task) == ["600"], "the worker pushed")
    assert gate.count(PUSH) == 1


#: The document of `BLANK`, as whoever serves this page gives it.
TEXT = f"fetch('{BLANK}').then((one) => one.text())"
CACHES = "caches.keys().then((names) => names.sort())"
LOOK = "navigator.serviceWorker.getRegistration().then((one) => one.update().then(() => null))"
MARK = "export const version='next';"


def _next_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: str = "engine/errors.js"
) -> None:
    """From now on the server has another version of the app, in which one file is `changed`."""
    app = tmp_path / "app"
    shutil.copytree(files.APP, app)
    with (app / changed).open("a") as out:
        out.write(MARK)
    monkeypatch.setattr(files, "APP", app)
    files.files.cache_clear()


@pytest.fixture
def versions() -> Iterator[None]:
    """What the server has read of the app is read anew, before and after."""
    files.files.cache_clear()
    yield
    files.files.cache_clear()


@pytest.mark.usefixtures("versions")
def test_a_new_version_waits_while_the_app_is_open_and_takes_over_at_the_next_start(
    handset: Phone, installed: Tab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = installed.page.evaluate(CACHES)
    _next_version(tmp_path, monkeypatch)
    installed.page.evaluate(LOOK)
    installed.until("engine.status.newer")
    assert MARK not in installed.page.evaluate(TEXT)
    assert set(before) < set(installed.page.evaluate(CACHES))
    handset.restart()
    page = handset.context.new_page()
    page.goto(handset.origin + BLANK)
    with suppress(Error):  # the page may load anew before the engine has said that it started
        Tab(page)
    until(lambda: MARK in (page.text_content("body") or ""), "the next version shows")
    assert set(page.evaluate(CACHES)).isdisjoint(before)


@pytest.mark.usefixtures("versions")
def test_a_new_version_starts_when_the_technician_says_so_and_the_queue_survives(
    installed: Tab, field: Field, gate: Gate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = installed.record(field.task, "600")
    _next_version(tmp_path, monkeypatch)
    installed.page.evaluate(LOOK)
    installed.until("engine.status.newer")
    with installed.page.expect_navigation():
        installed.run("engine.update()")
    assert MARK in (installed.page.text_content("body") or "")
    installed.open()
    installed.settle()
    assert installed.queue() == {recorded: "accepted"}


@pytest.mark.usefixtures("versions")
def test_a_new_version_starts_though_the_worker_is_about_to_push(
    installed: Tab, field: Field, gate: Gate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker at work keeps the next one out: it waits for the page, whose push hangs."""
    installed.page.evaluate("() => { AbortSignal.timeout = () => new AbortController().signal; }")
    answered = threading.Event()
    push = gate.trap(PUSH)
    push.arm(lambda: hold(answered))
    recorded = installed.record(field.task, "600")
    assert push.sprung.wait(20)
    installed.page.evaluate(WORKER_WAITS)
    _next_version(tmp_path, monkeypatch)
    installed.page.evaluate(LOOK)
    installed.until("engine.status.newer")
    with installed.page.expect_navigation():
        installed.run("engine.update()")
    answered.set()
    installed.open()
    installed.settle()
    assert installed.queue() == {recorded: "accepted"}
    assert field.states(field.task) == ["600"]


#: Once a worker waits for the lock of pushing.
WORKER_WAITS = """async () => {
  const waits = async () => (await navigator.locks.query()).pending.length;
  while (!(await waits())) await new Promise((done) => setTimeout(done, 20));
}"""


@pytest.mark.usefixtures("versions")
def test_a_version_that_does_not_arrive_whole_is_not_installed(
    handset: Phone, installed: Tab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = installed.page.evaluate(CACHES)
    # The worker itself does not need it, and no cache has it as the next version has it.
    _next_version(tmp_path, monkeypatch, "views/list.js")
    files.files()["views/list.js"] = files.AppFile.of("list.js", b"of a third version")
    installed.page.evaluate(LOOK)
    installed.page.evaluate(INSTALLED)
    assert installed.page.evaluate(CACHES) == before
    assert not installed.status["newer"]
    handset.restart()
    again = handset.tab()
    assert again.run("return engine.session") is not None
    assert MARK not in again.page.evaluate(TEXT)


#: Once no worker is being installed any more.
INSTALLED = """async () => {
  const registration = await navigator.serviceWorker.getRegistration();
  while (registration.installing) await new Promise((done) => setTimeout(done, 20));
}"""
