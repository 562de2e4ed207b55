"""A day in basements: everything is recorded without a network, survives, and is settled once."""

from collections.abc import Callable
from uuid import UUID

import pytest
from playwright.sync_api import expect

from mail.campaigns.definition import Trigger
from sync.database import DB
from tests.support.coroutines import apart
from tests.support.databases import TestDatabase
from tests.support.mail_work import deliver, mail_config, plan
from tests.support.office import Office
from tests.support.smtp_sink import Sink
from tests.technician.field import Field
from tests.technician.phone import Phone
from tests.technician.screen import Screen, visit_type

NAMES = {"200": "200 En route", "300": "300 Sur place", "600": "600 Terminé", "610": "610 Terminé"}

#: What becomes of each of the eight visits: twenty steps.
DAY = (
    ("200", "300", "600"),
    ("200", "300", "600"),
    ("300", "600"),
    ("300", "600"),
    ("300", "610"),
    ("200", "300", "600"),
    ("200", "300", "600"),
    ("200", "300"),
)
NOTED, UNTICKED, WITHOUT_ADDRESS, MISTAPPED = 1, 2, 3, 6
CAPTURED = "capturee@example.org"


class Visits:
    """Eight tasks of alice's, each for a customer of its own, and what she does on them."""

    def __init__(self, field: Field) -> None:
        kind = visit_type(field)
        field.campaign(rules=[Trigger([kind], ["600", "610"])], opt_out_allowed=True)
        self.tasks = [self._task(field, kind, number) for number in range(len(DAY))]

    def _task(self, field: Field, kind: UUID, number: int) -> UUID:
        email = None if number == WITHOUT_ADDRESS else self.address(number)
        customer = field.do(lambda world: world.customer(name=f"Client {number}", email=email))
        return field.new_task(type=kind, customer=customer, title=f"Visite {number}")

    def address(self, number: int) -> str:
        """Where the customer of a visit is asked."""
        return CAPTURED if number == WITHOUT_ADDRESS else f"client{number}@example.org"

    def told(self, field: Field, number: int) -> tuple[str | None, str | None]:
        """What the server has of a visit's end: the note, and why there is no survey."""
        sql = """SELECT note, survey_reason FROM transition
                 WHERE account = $1 AND task = $2 AND state = '600'"""
        [row] = field.on(lambda tx: tx.fetch(sql, tx.account, self.tasks[number]))
        return row["note"], row["survey_reason"]

    def work(self, screen: Screen, number: int) -> None:
        """Do one visit through the app's buttons."""
        screen.open(self.tasks[number])
        expect(screen.title).to_have_text(f"Visite {number}")
        if number == MISTAPPED:
            screen.press(NAMES["300"])
            bar = screen.page.get_by_role("region", name="Undo")
            expect(bar).to_contain_text(NAMES["300"])  # and not the step before any more
            screen.press("Undo 300")
            expect(screen.main.locator(".marks").first).to_contain_text("100 Planifié")
        for state in DAY[number]:
            self._step(screen, number, state)

    def _step(self, screen: Screen, number: int, state: str) -> None:
        screen.page.get_by_role("button", name=NAMES[state]).first.click()
        if state in {"600", "610"}:
            self._finish(screen, number)
        expect(screen.main.locator(".marks").first).to_contain_text(NAMES[state])

    def _finish(self, screen: Screen, number: int) -> None:
        if number == NOTED:
            screen.page.get_by_label("Note (optional)").fill("Joint remplacé")
        if number == UNTICKED:
            screen.page.get_by_label("No survey for this visit").check()
            screen.page.get_by_label("Customer absent").check()
        if number == WITHOUT_ADDRESS:
            screen.says("No address: nobody will be asked.")
            screen.page.get_by_label("E-mail of Client 3").fill(CAPTURED)
        screen.page.get_by_role("button", name="Confirm").click()


def send_mails(database: TestDatabase, sink: Sink) -> None:
    """What a worker does, until nothing is left to plan and to send."""

    async def work() -> None:
        await DB.open(database.worker)
        try:
            await plan()
            await deliver(mail_config(database, sink))
        finally:
            await DB.close()

    apart(work())


@pytest.mark.restarts
def test_a_day_offline_is_settled_whole_and_each_customer_is_asked_once(
    handset: Phone,
    office: Office,
    field: Field,
    database: TestDatabase,
    code: Callable[[UUID], str],
) -> None:
    visits = Visits(field)
    screen = Screen(handset, f"#enrol={code(office.world.alice)}")
    screen.press("Enrol")
    expect(screen.title).to_contain_text("This device is Alice")
    screen.page.get_by_role("link", name="To my tasks").click()
    expect(screen.page.get_by_role("link", name="Visite")).to_have_count(len(DAY))
    screen.page.evaluate("navigator.serviceWorker.ready.then(() => null)")

    handset.context.set_offline(True)
    for number in range(4):
        visits.work(screen, number)
    handset.restart()
    handset.context.set_offline(True)
    screen = Screen(handset)
    expect(screen.page.get_by_role("link", name="Visite")).to_have_count(len(DAY) - 4)
    screen.says("600 Terminé")
    for number in range(4, len(DAY)):
        visits.work(screen, number)
    screen.wait_out()
    screen.go("/queue")
    screen.says("20 steps wait.")

    handset.context.set_offline(False)
    screen.says("All is sent and settled.")
    for task, states in zip(visits.tasks, DAY, strict=True):
        assert field.states(task) == list(states)

    with Sink() as sink:
        send_mails(database, sink)
        asked = [number for number in range(len(DAY)) if number not in {UNTICKED, len(DAY) - 1}]
        assert dict(sink.per_address()) == {visits.address(number): 1 for number in asked}
    assert visits.told(field, NOTED) == ("Joint remplacé", None)
    assert visits.told(field, UNTICKED) == (None, "Customer absent")
