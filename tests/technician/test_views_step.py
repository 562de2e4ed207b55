"""The page before a step that asks somebody: who is asked, at which address, or why not."""

import re
from uuid import UUID

import pytest
from playwright.sync_api import expect

from mail.campaigns.criteria import CriteriaNamed
from mail.campaigns.definition import Trigger
from rules.campaign import AddressField
from tests.support.processes import until
from tests.technician.field import Field
from tests.technician.phone import Phone, Tab
from tests.technician.screen import Screen, visit_type


@pytest.fixture
def nameless(field: Field, visit: UUID) -> UUID:
    """A task of a customer of whom no address is known, under a campaign that may be left out."""
    field.campaign(opt_out_allowed=True)
    customer = field.do(lambda world: world.customer(name="Jean Roy", email=None))
    return field.new_task(title="Chaudière", customer=customer)


def kept(field: Field, task: UUID) -> tuple[str, bool, str | None, str | None]:
    """State, survey, reason and address of the only transition of a task, as the server has it."""
    sql = """SELECT n.state, n.survey, n.survey_reason, c.email
             FROM transition n JOIN task t ON (t.account, t.id) = (n.account, n.task)
             LEFT JOIN customer c ON (c.account, c.id) = (t.account, t.customer)
             WHERE n.account = $1 AND n.task = $2"""
    [row] = field.on(lambda tx: tx.fetch(sql, tx.account, task))
    return tuple(row)


def test_a_missing_address_is_captured_and_told_whose_it_is(
    screen: Screen, field: Field, nameless: UUID
) -> None:
    screen.go(f"/task/{nameless}/step/600")
    screen.says("No address: nobody will be asked.")
    address = screen.page.get_by_label("E-mail of Jean Roy (optional)")
    screen.says("address, for this survey and for later ones.")
    address.fill("jean@")
    address.press("Enter")
    expect(address).to_be_focused()
    expect(address).to_have_attribute("aria-invalid", "true")
    expect(screen.page.get_by_role("alert")).to_contain_text("This is not an e-mail address.")
    address.fill("jean@example.org")
    address.press("Tab")
    screen.says("jean@example.org (the customer\N{RIGHT SINGLE QUOTATION MARK}s address)")
    expect(screen.page.get_by_role("alert")).to_have_count(0)
    expect(address).not_to_have_attribute("aria-invalid", "true")
    screen.press("Confirm 600 Terminé")
    expect(screen.title).to_have_text("Chaudière")
    screen.settled()
    assert kept(field, nameless) == ("600", True, None, "jean@example.org")


def test_no_survey_needs_a_reason_and_asks_for_no_address(
    screen: Screen, field: Field, nameless: UUID
) -> None:
    screen.go(f"/task/{nameless}/step/600")
    address = screen.page.get_by_label("E-mail of Jean Roy (optional)")
    address.fill("jean@example.org")
    leave_out = screen.page.get_by_label("No survey for this visit")
    leave_out.click()  # a page that was being made anew may show it unticked for a moment
    expect(leave_out).to_be_checked()
    expect(address).to_have_count(0)
    screen.says("Nobody: you chose no survey.")
    screen.press("Confirm 600 Terminé")
    expect(screen.page.get_by_role("alert")).to_contain_text("Say why there is no survey.")
    screen.page.reload()
    leave_out.uncheck()
    expect(screen.page.get_by_role("alert")).to_have_count(0)
    expect(address).to_have_value("jean@example.org")
    leave_out.click()
    screen.page.get_by_label("Another reason").check()
    screen.page.get_by_label("Your reason").fill("  Chien méchant ")
    screen.press("Confirm 600 Terminé")
    expect(screen.title).to_have_text("Chaudière")
    screen.settled()
    assert kept(field, nameless) == ("600", False, "Chien méchant", None)


def test_where_the_account_does_not_allow_it_no_survey_is_left_out(
    screen: Screen, field: Field, visit: UUID
) -> None:
    field.campaign(primary=AddressField.CUSTOMER, opt_out_allowed=False)
    customer = field.do(lambda world: world.customer(name="Jean Roy", email="jean@example.org"))
    task = field.new_task(customer=customer)
    screen.go(f"/task/{task}/step/600")
    screen.says("jean@example.org")
    expect(screen.page.get_by_label("No survey for this visit")).to_have_count(0)
    screen.page.get_by_label("Note (optional)").fill("Joint remplacé")
    screen.press("Confirm 600 Terminé")
    expect(screen.page.get_by_role("blockquote")).to_contain_text("Joint remplacé")
    screen.settled()
    screen.go(f"/task/{task}/step/610")
    screen.says("Already triggered by an earlier step: nobody is asked again.")


@pytest.mark.parametrize(
    ("english", "words"),
    [
        (
            True,
            (
                "Already triggered by an earlier step: nobody is asked again.",
                "No address: nobody will be asked.",
                "No survey for this visit",
                "E-mail of Jean Roy (optional)",
            ),
        ),
        (
            False,
            (
                "Déjà déclenché par une étape précédente",
                "Aucune adresse",
                "Pas de sondage pour cette visite",
                "Courriel\N{NO-BREAK SPACE}: Jean Roy (facultatif)",
            ),
        ),
    ],
)
def test_a_new_round_offers_no_survey_and_the_missing_address_again(
    phone: Phone, alice: Tab, field: Field, nameless: UUID, english: bool, words: tuple[str, ...]
) -> None:
    asked_already, no_address, no_survey, address = words
    screen = Screen(phone, english=english)
    alice.run("await engine.sync()")
    alice.record(nameless, "600")
    alice.settle()
    screen.go(f"/task/{nameless}/step/610")
    screen.says(asked_already)
    expect(screen.page.get_by_label(no_survey)).to_have_count(0)
    expect(screen.page.get_by_label(address)).to_have_count(0)
    field.open_round(nameless, 2)
    alice.run("await engine.sync()")
    screen.says(no_address)
    expect(screen.main).not_to_contain_text(asked_already)
    screen.page.get_by_label(address).fill("jean@example.org")
    screen.page.get_by_label(no_survey).check()
    expect(screen.page.get_by_label(address)).to_have_count(0)


def test_where_the_task_went_back_it_is_said_when_the_step_asks(
    phone: Phone, alice: Tab, field: Field, nameless: UUID
) -> None:
    """And a campaign that may not be left out is not said to ask all the same."""
    field.campaign()
    screen = Screen(phone)
    alice.run("await engine.sync()")
    for state in ("600", "300"):
        alice.record(nameless, state)
    screen.go(f"/task/{nameless}/step/600")
    screen.says("Already triggered by an earlier step: nobody is asked again.")
    alice.settle()
    alice.run("await engine.sync()")
    perhaps = "This one asks only if that survey had not left when the task went back."
    screen.says(f"An earlier step asked already. {perhaps}", "No address: nobody will be asked.")
    screen.page.get_by_label("E-mail of Jean Roy (optional)").fill("jean@example.org")
    screen.page.get_by_label("No survey for this visit").check()
    screen.says(perhaps, "Nobody: you chose no survey.")
    expect(screen.page.locator(".untick")).not_to_contain_text("asks all the same")


def test_what_the_office_sent_by_hand_is_not_promised_again(
    phone: Phone, alice: Tab, field: Field
) -> None:
    campaign = field.campaign(opt_out_allowed=True)
    task = field.new_task(customer=field.do(lambda world: world.customer(name="Jean Roy")))
    alice.run("await engine.sync()")
    alice.record(task, "300")
    alice.settle()
    field.send_by_hand(task, campaign)
    alice.run("await engine.sync()")
    screen = Screen(phone)
    screen.go(f"/task/{task}/step/600")
    screen.says("The office sent this survey by hand: nobody is asked again.")
    expect(screen.page.get_by_label("No survey for this visit")).to_have_count(0)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, ["When the step is sent, or when quiet hours end."]),
        (
            {"delay": "00:12:00", "mute": "07:00:00"},
            [
                "12 hours after the step at the earliest.",
                "Not if this survey went to this address less than 7 days before.",
            ],
        ),
    ],
)
def test_who_may_be_asked_and_when_is_said_as_the_rules_have_it(
    screen: Screen, field: Field, changes: dict[str, str], said: list[str]
) -> None:
    kind = visit_type(field)
    field.campaign(rules=[Trigger([kind], ["600"])], **changes)
    customer = field.do(lambda world: world.customer(name="Jean Roy", email="jean@example.org"))
    task = field.new_task(type=kind, customer=customer, state="300")
    for place in (f"/task/{task}", f"/task/{task}/step/600"):
        screen.go(place)
        screen.says("Who may be asked", "jean@example.org", *said)


def test_only_campaigns_whose_criteria_the_task_meets_are_promised(
    screen: Screen, field: Field
) -> None:
    """And of a sample it is said that it may be that nobody is asked."""
    kind = visit_type(field)
    rules = [Trigger([kind], ["600"])]
    field.campaign(rules=rules, criteria=CriteriaNamed(channels=["phone"]), sample_percent=20)
    customer = field.do(lambda world: world.customer(name="Jean Roy", email="jean@example.org"))
    fields = {"type": kind, "customer": customer, "state": "300"}
    by_phone = field.new_task(**fields, channel="phone")
    by_mail = field.new_task(**fields, channel="email")
    screen.go(f"/task/{by_phone}/step/600")
    screen.says("jean@example.org", "May be asked: this survey asks about a part of the visits.")
    screen.go(f"/task/{by_mail}/step/600")
    screen.says("Nobody will be asked.")


def test_one_who_works_is_never_led_back_by_the_large_button(
    screen: Screen, field: Field, visit: UUID
) -> None:
    flow = {"200": ["100", "300", "900"], "300": ["200", "600", "900"]}
    kind = field.do(lambda world: world.task_type("Tournée", flow))
    task = field.new_task(type=kind, state="200")
    screen.open(task)
    likely = screen.page.locator(".likely")
    expect(likely).to_contain_text("300")
    likely.click()
    expect(likely).to_contain_text("600")


def test_only_usual_states_are_offered_and_the_others_are_a_step_away(
    screen: Screen, visit: UUID
) -> None:
    screen.open(visit)
    moves = screen.page.get_by_role("region", name="Next state").get_by_role("button")
    expect(moves).to_have_text([re.compile("200"), re.compile("300")])
    screen.page.get_by_role("link", name="Another state").click()
    usual = screen.main.locator("section").filter(has_text="Usual next states")
    expect(usual.get_by_role("button")).to_have_text([re.compile(c) for c in ("200", "300", "900")])
    screen.says("Accepted as well, and marked as unusual for dispatch.")
    expect(screen.main.get_by_role("button", name="100 Planifié")).to_have_count(0)
    screen.press("900 Annulé")
    screen.says("The task will be called off, and nobody asked.")


def test_the_keyboard_alone_confirms_and_a_note_survives_on_the_way(
    screen: Screen, field: Field, nameless: UUID
) -> None:
    screen.open(nameless)
    screen.page.get_by_text("Note for the next step").click()
    screen.page.get_by_label("Note", exact=True).fill("Joint remplacé")
    screen.go(f"/task/{nameless}/step/600")
    note = screen.page.get_by_label("Note (optional)")
    expect(note).to_have_value("Joint remplacé")
    screen.page.get_by_label("E-mail of Jean Roy (optional)").focus()
    screen.page.keyboard.press("Tab")
    expect(screen.page.get_by_label("No survey for this visit")).to_be_focused()
    screen.page.keyboard.press("Space")
    expect(screen.page.get_by_label("Customer absent")).to_be_visible()
    screen.page.keyboard.press("Tab")
    expect(screen.page.get_by_label("Customer absent")).to_be_focused()
    screen.page.keyboard.press("Space")
    screen.page.keyboard.press("Tab")
    expect(note).to_be_focused()
    screen.page.keyboard.press("Tab")
    expect(screen.button("Confirm 600 Terminé")).to_be_focused()
    screen.page.keyboard.press("Enter")
    expect(screen.title).to_have_text("Chaudière")
    screen.settled()
    assert kept(field, nameless) == ("600", False, "Customer absent", None)


def test_in_french_a_malformed_address_is_refused_until_it_is_mended_or_gone(
    screen: Screen, field: Field, nameless: UUID
) -> None:
    screen.page.evaluate("localStorage['retour-language'] = 'fr'")
    screen.page.reload()
    screen.go(f"/task/{nameless}/step/600")
    address = screen.page.get_by_label("Courriel : Jean Roy (facultatif)")
    address.fill("jean arobas example.org")
    screen.press("Confirmer 600 Terminé")
    alert = screen.page.get_by_role("alert")
    expect(alert).to_contain_text(
        "Ce n\N{RIGHT SINGLE QUOTATION MARK}est pas une adresse courriel."
    )
    alert.get_by_role("link").click()
    expect(address).to_be_focused()
    address.fill("")
    address.press("Tab")
    expect(alert).to_have_count(0)
    screen.press("Confirmer 600 Terminé")
    expect(screen.title).to_have_text("Chaudière")
    screen.page.context.clock.fast_forward(10_000)
    expect(screen.main.locator(".steps")).not_to_contain_text("en attente")
    until(lambda: field.states(nameless) == ["600"], "the step is there")
    assert kept(field, nameless) == ("600", True, None, None)


def test_a_campaign_that_may_not_be_left_out_asks_all_the_same(
    screen: Screen, field: Field, nameless: UUID
) -> None:
    field.campaign(opt_out_allowed=False)
    screen.go(f"/task/{nameless}/step/600")
    screen.page.get_by_label("No survey for this visit").check()
    screen.says("Satisfaction asks all the same.", "Nobody: you chose no survey.")
    screen.page.get_by_label("Customer absent").check()
    screen.page.get_by_label("E-mail of Jean Roy (optional)").fill("jean@example.org")
    screen.press("Confirm 600 Terminé")
    expect(screen.title).to_have_text("Chaudière")
    screen.settled()
    assert kept(field, nameless) == ("600", False, "Customer absent", "jean@example.org")
