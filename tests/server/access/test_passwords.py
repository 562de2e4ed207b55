"""Passwords that everybody tries first are refused where one is chosen."""

from importlib.resources import files

import pytest

from server.access.common_passwords import LONGEST_PASSWORD, SHORTEST_PASSWORD, is_guessable
from tests.support.api_process import Served
from tests.support.office import Office

ABOUT = ("Maude Gélinas", "maude.gelinas@boreal.example", "Services Boréal")
#: ASVS 5.0, 6.2.4: of those that the rule on length lets through.
ENOUGH = 3000


@pytest.mark.parametrize(
    "password",
    [
        "1q2w3e4r5t6y",
        "QazWsxEdc123",
        "unbelievable",
        "administrator",
        "Motdepasse123",
        "Bienvenue2026!",
        "!!Soleil2026!!",
        "azertyazerty",
        "aaaaaaaaaaaa",
        "123123123123",
        "abababababababab",
        "maude.gelinas",
        "maude.gelinas@boreal.example",
        "ServicesBoreal2026",
        "GELINAS-MAUDE-1987",
        "Retour-2026-11",
        "x" * LONGEST_PASSWORD,
        "\ufdfa" * LONGEST_PASSWORD,  # one sign, which NFKC writes as eighteen letters
        "\ufdfa\ufdfb" * 10,
    ],
)
def test_a_common_password_and_what_is_made_of_it_or_of_names_is_refused(password: str) -> None:
    assert is_guessable(password, ABOUT)


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple",
        "une longue phrase",
        "le chat dort sur le radiateur",
        "Gélinas aime trois cafés",
        "kX9#mQ2$vL7p",
        "日本語のとても長い合言葉です",
        "# Common passwords, folded",
        "a\nb\nc\nd\ne\nf",
        "\ud800 half a letter",
    ],
)
def test_any_other_password_is_taken_whatever_signs_it_has(password: str) -> None:
    assert not is_guessable(password, ABOUT)


def test_the_list_is_longer_than_the_standard_asks() -> None:
    lines = (files("fixtures") / "common_passwords.txt").read_text().splitlines()
    passwords = [line for line in lines if not line.startswith("# ")]
    assert sum(len(line) >= SHORTEST_PASSWORD for line in passwords) > 10 * ENOUGH
    assert passwords == sorted(set(passwords))


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("motdepasse123", "guessable"),
        ("PlomberieExemple1", "guessable"),
        ("manager.north", "guessable"),
        ("x" * 11, "bad_value"),
        ("x" * 1025, "bad_value"),
    ],
)
def test_the_api_says_why_a_password_is_refused(
    api: Served, north: Office, password: str, code: str
) -> None:
    path = f"/api/v1/users/{north.people['manager']}/password"
    answer = api.client.post(path, json={"password": password}, headers=north.program)
    assert answer.status_code == 400
    [fault] = answer.json()["errors"]
    assert (fault["pointer"], fault["code"]) == ("/password", code)
    assert password not in answer.text
