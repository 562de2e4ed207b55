"""What a technician sees: the app's page on a phone, read and touched as they would."""

from datetime import datetime
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from playwright.sync_api import Locator, Page, expect

from server.technician.files import files
from tests.support.processes import until
from tests.technician.field import Field
from tests.technician.phone import Phone

#: Next states by state of the type that `visit_type` makes.
FLOW: Final = {"100": ["200", "300", "900"], "200": ["300"], "300": ["600", "610", "900"]}
ZONE: Final = ZoneInfo("America/Toronto")
#: Speaks English unless another language was chosen before.
ENGLISH: Final = "localStorage['retour-language'] ??= 'en'"
#: The app loads all of itself once its first page stands; from then on it needs no network.
WHOLE: Final = """(names) =>
  Promise.all(names.map((name) => import(`/tech/${name}`))).then(() => null)"""

#: Pixels by which its words need more than one line of the window's width.
STRIP_EXCESS: Final = """() => {
  const strip = document.querySelector('.strip');
  const shown = [...strip.children].map((one) => one.getBoundingClientRect())
    .filter(({ width }) => width > 2);
  const middles = shown.map(({ top, height }) => top + height / 2);
  return Math.max(strip.scrollWidth - strip.clientWidth, ...middles.map((one) => one - middles[0]));
}"""
#: What drafts any device keeps in this browser.
DRAFTS: Final = """async () => {
  const over = (request) => new Promise((done) => (request.onsuccess = () => done(request.result)));
  const found = [];
  for (const { name } of await indexedDB.databases()) {
    if (!name.startsWith('retour-')) continue;
    const database = await over(indexedDB.open(name));
    found.push(...(await over(database.transaction('draft').objectStore('draft').getAll())));
    database.close();
  }
  return found.map(({ note }) => note);
}"""
#: Narrow phones, and most.
WIDTHS: Final = (320, 390)

expect.set_options(timeout=30_000)


class Screen:
    """One tab with the app in it; `english`: not what the technician's record says."""

    def __init__(self, phone: Phone, path: str = "", *, english: bool = True) -> None:
        self.phone = phone
        self.page: Page = phone.context.new_page()
        if english:
            self.page.add_init_script(ENGLISH)
        self.page.goto(f"{phone.origin}/tech/{path}")
        modules = [one for one in files() if one.startswith(("engine/", "views/"))]
        self.page.evaluate(WHOLE, modules)

    def go(self, place: str) -> None:
        """Follow a link to a place of the app: what stands after #."""
        self.page.evaluate("(place) => { location.hash = place; }", place)

    def open(self, task: UUID) -> None:
        """Go to a task's page."""
        self.go(f"/task/{task}")

    def press(self, name: str) -> None:
        """Tap the button that is called so."""
        self.button(name).click()

    def record(self, name: str) -> None:
        """Tap a state and wait until the step is kept: from then on it can be undone."""
        self.press(name)
        expect(self.button(f"Undo {name.split()[0]}")).to_be_visible()

    def button(self, name: str) -> Locator:
        """The button that is called exactly so."""
        return self.page.get_by_role("button", name=name, exact=True)

    @property
    def main(self) -> Locator:
        """The page between the strip and the dock."""
        return self.page.get_by_role("main")

    @property
    def title(self) -> Locator:
        """What the page is called."""
        return self.page.get_by_role("heading", level=1)

    @property
    def strip(self) -> Locator:
        """The line that says how things are."""
        return self.page.locator(".strip")

    def says(self, *texts: str) -> None:
        """Wait until the page says all of this."""
        for text in texts:
            expect(self.main).to_contain_text(text)

    def until_kept(self, note: str) -> None:
        """Wait until a note that was typed is on the disk: it takes a moment."""
        until(lambda: note in self.page.evaluate(DRAFTS), "the note is kept")

    def strip_is_one_line(self, *words: str) -> None:
        """Wait until the strip says `words`, and measure it on narrow phones."""
        for said in words:
            expect(self.strip).to_contain_text(said)
        for width in WIDTHS:
            self.page.set_viewport_size({"width": width, "height": 700})
            excess = self.page.evaluate(STRIP_EXCESS)
            assert excess <= 1, (width, excess, self.strip.inner_text())

    def wait_out(self) -> None:
        """Ten seconds pass: what was held is let go."""
        self.phone.context.clock.fast_forward(10_000)

    def settled(self) -> None:
        """Have what was recorded sent, and answered."""
        self.wait_out()
        expect(self.strip).to_contain_text("nothing waits")


def visit_type(field: Field) -> UUID:
    """A task type in which one state follows another."""
    return field.do(lambda world: world.task_type("Visite", FLOW))


def today(hour: int) -> datetime:
    """An hour of this day in the account's zone."""
    return datetime.now(ZONE).replace(hour=hour, minute=0, second=0, microsecond=0)
