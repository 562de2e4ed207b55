"""A technician's phone: a Chromium with a profile that outlives it, and the engine in its tabs."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Self

from playwright.sync_api import Browser, BrowserContext, Error, Page

from tests.support.browser import CHROMIUM, FLAGS, PHONE
from tests.support.processes import until

#: A document of the app's origin and scope that shows nothing and starts nothing.
BLANK: Final = "/tech/engine/errors.js"
OPEN: Final = """async () => {
  const { openEngine } = await import('/tech/engine/engine.js');
  window.engine = await openEngine();
  window.engine.install();
}"""
#: The queue itself is asked: how things are is told a moment after they changed.
SETTLED: Final = """(await engine.queue()).every(({ status }) =>
  status !== 'held' && status !== 'waiting') && engine.status.held + engine.status.waiting === 0"""
#: Runs a body of JavaScript with `engine` and `given`; errors of the engine come back by name.
RUN: Final = """async ([body, given]) => {
  const AsyncFunction = (async () => {}).constructor;
  try {
    return await new AsyncFunction('engine', 'given', body)(window.engine, given);
  } catch (error) {
    if (error.name === 'EngineError') return { error: error.code };
    throw error;
  }
}"""


class Tab:
    """One tab with an engine."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.open()

    def open(self) -> None:
        """Start the engine, anew after the page was loaded anew."""
        self.page.evaluate(OPEN)

    def run(self, body: str, given: object = None) -> Any:
        """What `body` returns."""
        return self.page.evaluate(RUN, [body, given])

    def until(self, condition: str, given: object = None) -> None:
        """Wait until the expression `condition` is true."""
        until(lambda: self.run(f"return {condition};", given) is True, condition)

    def enrol(self, code: str) -> None:
        """Enrol, have everything, and know whose phone it is."""
        self.run("await engine.enrol(given, 'Téléphone'); await engine.sync()", code)
        self.until("engine.session?.technician && engine.status.lastSync !== null")

    def record(self, task: object, state: str, **order: object) -> str:
        """Record a transition; its id."""
        kept = self.run("return engine.record(given)", {"task": str(task), "state": state, **order})
        assert "error" not in kept, kept
        return str(kept["id"])

    def queue(self) -> dict[str, str]:
        """Verdicts or what comes before them, by id."""
        return dict(self.run("return (await engine.queue()).map((one) => [one.id, one.status])"))

    @property
    def status(self) -> dict[str, Any]:
        """How things are."""
        return dict(self.run("return engine.status"))

    def task(self, key: object) -> Any:
        """A task as its page shows it, or None."""
        return self.run(
            "const task = await engine.task(given);return task && JSON.parse(JSON.stringify(task))",
            str(key),
        )

    def cut(self) -> None:
        """Tell the browser that there is no network."""
        self.page.context.set_offline(True)

    def settle(self) -> None:
        """Have everything that is held go out, and be answered."""
        self.page.context.clock.fast_forward(10_000)
        self.until_settled()

    def until_settled(self) -> None:
        """Wait until nothing is held or waits, in the queue and in what is told of it."""
        self.until(SETTLED)


class Phone:
    """Enter it to switch it on.

    One with a `folder` of its own is a whole browser: `kill` and `restart` keep what is stored.
    Any other is a context of `browser`, which costs a tenth.
    """

    def __init__(
        self,
        browser: Browser,
        origin: str,
        *,
        installs: bool,
        folder: Path | None = None,
        flags: Sequence[str] = (),
    ) -> None:
        """`installs`: the app's worker, whose clock is the machine's whatever the tabs' says.

        `flags`: of one with a folder, beside the usual ones.
        """
        self._flags = [*FLAGS, *flags]
        self._browser = browser
        self._folder = folder
        self._workers: Literal["allow", "block"] = "allow" if installs else "block"
        self.origin = origin
        self.context: BrowserContext

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.context.close()

    def _start(self) -> None:
        width, height = PHONE
        looks: dict[str, Any] = {
            "service_workers": self._workers,
            "viewport": {"width": width, "height": height},
        }
        if self._folder is None:
            self.context = self._browser.new_context(**looks)
        else:
            self.context = self._browser.browser_type.launch_persistent_context(
                self._folder, executable_path=CHROMIUM, args=self._flags, **looks
            )
        self.context.clock.install()

    def tab(self, path: str = BLANK) -> Tab:
        """A new tab with the engine open."""
        page = self.context.new_page()
        page.goto(self.origin + path)
        return Tab(page)

    def restart(self) -> None:
        """Close the browser and open it again."""
        assert self._folder is not None, "a phone that restarts has a folder"
        self.context.close()
        self._start()

    def kill(self) -> None:
        """End the browser without warning and start it again."""
        assert self._folder is not None, "a phone that is killed has a folder"
        session = self.context.new_cdp_session(self.context.new_page())
        with suppress(Error):
            session.send("Browser.crash")
        with suppress(Error):
            self.context.close()
        self._start()

    def until_installed(self, tab: Tab) -> None:
        """Wait until the app is stored whole and serves this phone."""
        tab.page.evaluate("navigator.serviceWorker.ready.then(() => null)")
        tab.until("navigator.serviceWorker.controller !== null")
