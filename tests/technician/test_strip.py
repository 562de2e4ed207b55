"""The strip: how things are, on one line, whatever the mode, language and width."""

from typing import Final

import pytest

from tests.support.processes import until
from tests.technician.field import Field
from tests.technician.gate import Gate
from tests.technician.phone import Phone, Tab
from tests.technician.screen import Screen

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


@pytest.mark.parametrize("language", SAID)
def test_the_strip_stays_on_one_line_in_every_mode(
    phone: Phone, alice: Tab, field: Field, gate: Gate, language: str
) -> None:
    said = SAID[language]
    screen = Screen(phone, english=language == "en")
    screen.strip_is_one_line(*said["well"])
    gate.cut()
    for _ in range(MANY):
        alice.record(field.task, "300")

    def looked() -> bool:
        phone.context.clock.fast_forward(12 * 60_000)
        return said["out"][0] in screen.strip.inner_text()

    until(looked, "the app has seen that there is no network")
    screen.strip_is_one_line(*said["out"])
    gate.aged = True
    gate.listen()
    phone.context.clock.fast_forward(60_000)
    screen.strip_is_one_line(*said["old"])
    gate.aged = False
    field.revoke_devices(field.world.alice)
    screen.page.reload()
    screen.strip_is_one_line(*said["ended"])
