"""C2: own icons and colours on the survey page: drawn, chosen, read aloud as plain scales are."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from uuid import UUID

import pytest
from playwright.sync_api import Browser, Page, expect

from mail.assets.public_path import image_path
from mail.campaigns.look import Gradient, Icons, Look, Pair, Plain
from rules.questions.scales import SCALES, RatingKind
from sync.ids import new_id
from tests.server.all_kinds import led_by
from tests.server.test_pages_browser import is_sound
from tests.support.api_process import Served, served
from tests.support.browser import DESK, PHONE, TABLET, visiting
from tests.support.databases import TestDatabase
from tests.support.images import SVG
from tests.support.stories import Story, tell

pytestmark = pytest.mark.slow

TRAFFIC_LIGHTS: Final = Gradient(["#c00000", "#ffd000", "#0a7d32"])


def face(number: int) -> bytes:
    """An icon that differs from those of other numbers."""
    mouth = f'<path d="M7 16q5 {number * 2 - 6} 10 0" fill="none" stroke="#222"/>'
    return f'<svg {SVG}><circle cx="12" cy="12" r="10" fill="#fc3"/>{mouth}</svg>'.encode()


IDS: Final[list[UUID]] = [new_id() for _ in range(11)]


def looks(kind: RatingKind) -> dict[str, Look]:
    """Each look of a scale of `kind`, by its style."""
    return {
        "plain": Plain(),
        "icons": Icons(IDS[: len(SCALES[kind].values)]),
        "pair": Pair(filled=IDS[6], empty=IDS[0]),
        "gradient": TRAFFIC_LIGHTS,
    }


class Surveys:
    """Surveys of one server, each of an account of its own."""

    def __init__(self, site: Served) -> None:
        self.site = site

    def of(self, kind: RatingKind, look: Look) -> tuple[Story, str]:
        """A survey whose leading scale looks so, and the address of its page."""
        asks: dict[str, Any] = led_by(kind, further=[], measure_nps=False)
        asks["question"] = type(asks["question"])(text=asks["question"].text, kind=kind, look=look)
        images = {key: face(number) for number, key in enumerate(IDS)}
        story = tell(self.site.database, asks=asks, images=images)
        return story, f"{self.site.base_url}/s/{story.survey}"


@pytest.fixture(scope="module")
def surveys(shared: TestDatabase) -> Iterator[Surveys]:
    with served(shared) as site:
        site.client.headers["Accept"] = "text/html"
        yield Surveys(site)


@contextmanager
def at(browser: Browser, address: str, size: tuple[int, int] = PHONE) -> Iterator[Page]:
    """A visitor at a page, without scripts."""
    with visiting(browser, size) as page:
        page.goto(address)
        yield page


@pytest.mark.browser
@pytest.mark.parametrize("style", ["icons", "pair", "gradient"])
@pytest.mark.parametrize("kind", ["thumbs", "stars", "effort", "nps"])
def test_every_look_is_sound_and_read_aloud_as_the_plain_one(
    surveys: Surveys, browser: Browser, kind: RatingKind, style: str
) -> None:
    _, plain = surveys.of(kind, Plain())
    _, own = surveys.of(kind, looks(kind)[style])
    heard = []
    for address in (plain, own):
        with at(browser, address) as page:
            heard.append(page.locator("main").aria_snapshot())
    assert heard[0] == heard[1]
    for size, scheme in ((PHONE, "light"), (TABLET, "dark"), (DESK, "light")):
        with visiting(browser, size, scheme=scheme, scripts=True) as page:  # type: ignore[arg-type]
            is_sound(page, f"{own}?rating=1", "fr" if size == PHONE else "en")


@pytest.mark.browser
def test_the_icon_of_each_value_is_loaded_and_shown_again_in_the_thanks(
    surveys: Surveys, browser: Browser
) -> None:
    story, address = surveys.of("stars", looks("stars")["icons"])
    with at(browser, address) as page:
        icons = page.locator(".step img")
        paths = [icon.get_attribute("src") for icon in icons.all()]
        assert paths == [image_path(story.account, key) for key in IDS[:5]]
        for icon in icons.all():
            assert icon.evaluate("one => one.complete && one.naturalWidth") == 24
        page.get_by_label("4 sur 5").check()
        page.get_by_role("button", name="Envoyer").click()
        expect(page.get_by_text("4 / 5")).to_be_visible()
        shown = [icon.get_attribute("src") for icon in page.locator(".given img").all()]
        assert shown == [image_path(story.account, IDS[3])]


@pytest.mark.browser
def test_a_pair_is_filled_up_to_what_is_chosen(surveys: Surveys, browser: Browser) -> None:
    story, address = surveys.of("stars", looks("stars")["pair"])
    with at(browser, address) as page:
        for chosen in (None, 2, 5, 1):
            if chosen is not None:
                page.get_by_label(f"{chosen} sur 5").check()
            visible = [step.locator("img:visible").all() for step in page.locator(".step").all()]
            shown = [icons[0].get_attribute("src") for icons in visible if len(icons) == 1]
            filled = chosen or 0
            keys = [IDS[6]] * filled + [IDS[0]] * (5 - filled)
            assert shown == [image_path(story.account, key) for key in keys]


@pytest.mark.browser
def test_numbers_are_legible_on_own_colours_and_what_is_chosen_has_a_ring(
    surveys: Surveys, browser: Browser
) -> None:
    _, address = surveys.of("nps", TRAFFIC_LIGHTS)
    with at(browser, address) as page:
        fills = [one.get_attribute("fill") for one in page.locator(".tint rect").all()]
        assert (len(fills), fills[0], fills[5], fills[10]) == (
            11, "#c00000", "#ffd000", "#0a7d32",
        )  # fmt: skip
        inks = [
            number.evaluate("one => getComputedStyle(one).color")
            for number in page.locator(".step span").all()
        ]
        assert (inks[0], inks[5], inks[10]) == (
            "rgb(255, 255, 255)", "rgb(0, 0, 0)", "rgb(255, 255, 255)",
        )  # fmt: skip
        shadow = "one => getComputedStyle(one).boxShadow"
        step = page.locator(".step").nth(7)
        assert step.evaluate(shadow) == "none"
        page.get_by_label("7 sur 10").check()
        assert "4px" in step.evaluate(shadow)


@pytest.mark.browser
def test_where_the_reader_has_own_colours_those_of_the_campaign_give_way(
    surveys: Surveys, browser: Browser
) -> None:
    _, address = surveys.of("effort", TRAFFIC_LIGHTS)
    with visiting(browser, PHONE, forced_colors="active") as page:
        page.goto(address)
        expect(page.locator(".tint").first).to_be_hidden()
        expect(page.locator(".step span").first).to_be_visible()


def test_the_page_itself_stays_light(surveys: Surveys) -> None:
    """Icons come on top: an account uploads them in whatever size it likes, up to 64 KiB."""
    plain, _ = surveys.of("nps", Plain())
    for look in looks("nps").values():
        story, _ = surveys.of("nps", look)
        sizes = [len(surveys.site.client.get(f"/s/{one.survey}").text) for one in (plain, story)]
        assert sizes[1] - sizes[0] < 3_500
    assert re.fullmatch(r"#[0-9a-f]{6}", TRAFFIC_LIGHTS.colours[0])
