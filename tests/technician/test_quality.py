"""What judges say of the app: axe of every page, Lighthouse of the first one."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Page, expect

from tests.support.api_process import Served
from tests.support.browser import require_chromium
from tests.support.npm import install, require_node
from tests.technician.field import Field
from tests.technician.gate import Gate
from tests.technician.lighthouse import HERE, judge
from tests.technician.phone import Phone, Tab
from tests.technician.screen import Screen, visit_type

JUDGE: Final = """async () => {
  const { violations } = await axe.run(document, { resultTypes: ['violations'] });
  return violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.html).join(' ')}`);
}"""
#: Fingers need so many pixels, in both directions.
FINGER: Final = 44
SMALL: Final = """(least) => [...document.querySelectorAll('button, a[href], summary, input')]
  .map((one) => {
    const stretched = getComputedStyle(one, '::after').position === 'absolute';
    const touched = stretched ? one.closest('li') : one.closest('label') ?? one;
    return [one.outerHTML, touched.getBoundingClientRect()];
  })
  .filter(([, box]) => box.width && (box.width < least || box.height < least))
  .map(([html, box]) => `${box.width} x ${box.height}: ${html}`)"""


@pytest.fixture(scope="session")
def axe() -> str:
    """The program of axe-core."""
    require_node()
    return (install(HERE) / "axe-core" / "axe.min.js").read_text()


def violations(page: Page, axe: str) -> list[str]:
    """What axe finds wrong with the page as it is, in light and in dark."""
    page.evaluate(axe)
    found = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        found += [f"{scheme}: {one}" for one in page.evaluate(JUDGE)]
    return found


def a_refused_step(screen: Screen, field: Field) -> None:
    """A step on a task that was somebody else's by then."""
    task = field.new_task(type=visit_type(field), title="Chaudière")
    screen.go("/")
    expect(screen.page.get_by_role("link", name="Chaudière")).to_be_visible()
    screen.phone.context.set_offline(True)
    screen.open(task)
    screen.page.get_by_role("button", name="300 Sur place").click()
    field.reassign(task, field.world.bob, datetime.now(UTC) - timedelta(hours=1))
    screen.phone.context.set_offline(False)
    screen.wait_out()
    screen.go("/queue")
    expect(
        screen.main.get_by_text("no_authority").or_(screen.main.locator(".negative"))
    ).to_be_visible()


@pytest.mark.parametrize("english", [True, False], ids=["en", "fr"])
def test_every_page_is_for_everybody(
    phone: Phone, alice: Tab, field: Field, axe: str, *, english: bool
) -> None:
    alice.page.close()
    kind = visit_type(field)
    customer = field.do(lambda world: world.customer(phone="418 555-0199", email=None))
    visit = field.new_task(type=kind, customer=customer, title="Fuite au sous-sol")
    field.campaign(opt_out_allowed=True)
    screen = Screen(phone, english=english)
    screen.page.emulate_media(reduced_motion="reduce")  # colours are judged at rest
    a_refused_step(screen, field)
    places = ["/queue", "/", f"/task/{visit}", f"/task/{visit}/other", f"/task/{visit}/step/600"]
    for place in [*places, "/me", "/enrol"]:
        screen.go(place)
        expect(screen.page.locator("h1")).to_be_focused()
        assert violations(screen.page, axe) == [], place
        assert screen.page.evaluate(SMALL, FINGER) == [], place
    screen.open(visit)
    screen.page.get_by_role("button", name="300 Sur place").click()
    expect(screen.button("Undo 300" if english else "Annuler 300")).to_be_visible()
    assert violations(screen.page, axe) == []


def test_lighthouse_finds_the_first_page_sound(site: Served, gate: Gate, tmp_path: Path) -> None:
    require_chromium()
    require_node()
    given = judge(f"{gate.origin}/tech/", tmp_path).scores
    print(given)  # noqa: T201 - the performance, which nothing is made of here
    assert given["accessibility"] >= 0.95
    assert given["best-practices"] >= 0.95
