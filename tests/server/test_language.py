"""Language headers as clients write them (RFC 9110, 12.5.4)."""

import pytest

from server.http.negotiation import preferred_language, read_preferences
from tests.support.api_process import Served
from tests.support.office import Office

FRENCH, ENGLISH = "fr", "en"


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", FRENCH),
        ("en-US,en;q=0.9", ENGLISH),
        ("de,fr;q=0.5,en;q=0.4", FRENCH),
        ("fr; q=0.5, en; q=0.9", ENGLISH),
        ("fr ;q=0.5 ,\ten ; q = 0.9", ENGLISH),
        ("FR;Q=0.5, EN;Q=0.9", ENGLISH),
        ("en;q=0.9, fr", FRENCH),
        ("en, fr", ENGLISH),
        ("fr, en", FRENCH),
        ("en;q=0.8, fr;q=0.8", ENGLISH),
        ("fr-FR;q=0.9, en;q=0.8, fr;q=0.1", FRENCH),
        ("en_US", ENGLISH),
        ("fr-CA-x-private", FRENCH),
        ("en;q=0.001", ENGLISH),
        ("en;q=.5", ENGLISH),
        ("en;q=1.", ENGLISH),
        ("en;q=1.000, fr;q=0.999", ENGLISH),
        # what is refused, and everything else
        ("*", FRENCH),
        ("en, *;q=0.5", ENGLISH),
        ("de, *;q=0.5", FRENCH),
        ("fr;q=0", ENGLISH),
        ("fr;q=0, *", ENGLISH),
        ("fr;q=0.0, de", ENGLISH),
        ("en;q=0, *", FRENCH),
        ("en;q=0.4, *;q=0.8", FRENCH),
        ("fr;q=0.4, *;q=0.8", ENGLISH),
        ("fr;q=0, en;q=0", FRENCH),
        ("*;q=0", FRENCH),
        ("*;q=0, en", ENGLISH),
        # what is no language of ours, or no member at all
        ("de", FRENCH),
        ("fro, enm", FRENCH),
        ("french, english", FRENCH),
        ("e", FRENCH),
        ("en;q=much", FRENCH),
        ("en;q=nan, fr;q=0.1", FRENCH),
        ("en;q=inf, fr;q=0.1", FRENCH),
        ("en;q=-1, fr;q=0.1", FRENCH),
        ("en;q=2, fr;q=0.1", FRENCH),
        ("en;q=, fr;q=0.1", FRENCH),
        ("en;q=., fr;q=0.1", FRENCH),
        ("en;q=0.9;q=0.1, fr;q=0.5", ENGLISH),
        (",,;,;q=1, ,en", ENGLISH),
        (";;;===", FRENCH),
        ("en" + ";" * 8000, ENGLISH),
        ("," * 8000 + "en", FRENCH),
    ],
)
def test_the_heaviest_language_of_ours_is_spoken(header: str, language: str) -> None:
    assert preferred_language(header) == language


def test_many_members_are_not_all_looked_at() -> None:
    assert len(read_preferences("a," * 8000)) == 64


@pytest.mark.parametrize("accept", ["application/json", "text/html"])
def test_pages_and_problems_speak_it(api: Served, north: Office, accept: str) -> None:
    for language, spoken in (("fr; q=0.5, en; q=0.9", "en-CA"), ("en;q=0, *", "fr-CA")):
        headers = {"Accept": accept, "Accept-Language": language}
        answer = api.client.get("/nowhere", headers=headers)
        assert answer.headers["content-language"] == spoken


def test_the_lines_of_a_header_are_one_list(api: Served) -> None:
    headers = [("Accept-Language", "fr;q=0.5"), ("Accept-Language", "en;q=0.9")]
    assert api.client.get("/nowhere", headers=headers).headers["content-language"] == "en-CA"
