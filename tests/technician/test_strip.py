"""The strip: how things are, on one line, whatever the mode, language and width."""

from typing import Final

import pytest
from playwright.sync_api import expect

from tests.support.processes import until
from tests.technician.field import Field
from tests.technician.gate import Gate
from tests.technician.phone import Phone, Tab
from tests.technician.screen import Screen

#: Pixels by which its words need more than one line of the window's width.
TOO_MUCH: Final = """() => {
  const strip = document.querySelector('.strip');
  const shown = [...strip.children].map((one) => one.getBoundingClientRect())
    .filter(({ width }) => width > 2);
  const middles = shown.map(({ top, height }) => top + height / 2);
  return Math.max(strip.scrollWidth - strip.clientWidth, ...middles.map((one) => one - middles[0]));
}"""
WIDTHS: Final = (320, 390)
#: More than one digit says.
MANY: Final = 12
SAID: Final = {
    "en": {
        "well": ("Online", "nothing waits", "just now"),
        "out": ("Offline", f"{MANY} wait", "mins ago"),
        "old": ("App too old", f"{MANY} wait"),
        "ended": ("Not enrolled", f"{MANY} wait"),
    },
    "fr": {
        "well": (
            "En ligne",
            "rien n\N{RIGHT SINGLE QUOTATION MARK}attend",
            "à l\N{RIGHT SINGLE QUOTATION MARK}instant",
        ),
        "out": ("Hors ligne", f"{MANY} en attente", "il y a"),
        "old": ("Appli trop ancienne", f"{MANY} en attente"),
        "ended": ("Non inscrit", f"{MANY} en attente"),
    },
}


def is_one_line(screen: Screen, words: tuple[str, ...]) -> None:
    """Wait until the strip says `words`, and measure it."""
    for said in words:
        expect(screen.strip).to_contain_text(said)
    for width in WIDTHS:
        screen.page.set_viewport_size({"width": width, "height": 700})
        assert screen.page.evaluate(TOO_MUCH) <= 1, (width, screen.strip.inner_text())


@pytest.mark.parametrize("language", SAID)
def test_the_strip_stays_on_one_line_in_every_mode(
    phone: Phone, alice: Tab, field: Field, gate: Gate, language: str
) -> None:
    said = SAID[language]
    screen = Screen(phone, english=language == "en")
    is_one_line(screen, said["well"])
    gate.cut()
    for _ in range(MANY):
        alice.record(field.task, "300")

    def looked() -> bool:
        phone.context.clock.fast_forward(12 * 60_000)
        return said["out"][0] in screen.strip.inner_text()

    until(looked, "the app has seen that there is no network")
    is_one_line(screen, said["out"])
    gate.aged = True
    gate.listen()
    phone.context.clock.fast_forward(60_000)
    is_one_line(screen, said["old"])
    gate.aged = False
    field.revoke_devices(field.world.alice)
    screen.page.reload()
    is_one_line(screen, said["ended"])
