"""What is dialled for a number as people write it, each as one would read it."""

import tracemalloc

import pytest

from sync.feed.dialling import call_link, region_of

MONTREAL = "America/Toronto"
MAIN = "tel:+15145550199"


@pytest.mark.parametrize(
    ("written", "dialled"),
    [
        ("514 555-0199", MAIN),
        ("(514) 555-0199", MAIN),
        ("514.555.0199", MAIN),
        ("5145550199", MAIN),
        ("1 514 555-0199", MAIN),
        ("+1 (514) 555-0199", MAIN),
        ("514\u00a0555\u20110199", MAIN),
        ("\uff15\uff11\uff14 555 0199", MAIN),
        ("cell. 514 555-0199", MAIN),
        ("514 555-0199 (bureau)", MAIN),
        ("514 555-0199 après 17 h", MAIN),
        ("Appt 12, 514 555-0199", MAIN),
        # an extension is what stands after the number, whatever it is called
        ("514 555-0199 poste 12", f"{MAIN};ext=12"),
        ("514 555-0199, poste 12", f"{MAIN};ext=12"),
        ("514 555-0199 (poste 12)", f"{MAIN};ext=12"),
        ("514 555-0199 Poste no 12", f"{MAIN};ext=12"),
        ("514 555-0199 p. 12", f"{MAIN};ext=12"),
        ("514 555-0199 local 12", f"{MAIN};ext=12"),
        ("514 555-0199 postes 12 et 13", f"{MAIN};ext=12"),
        ("514 555-0199 ext. 0012", f"{MAIN};ext=0012"),
        ("514 555-0199 x12", f"{MAIN};ext=12"),
        ("514 555-0199 #12", f"{MAIN};ext=12"),
        ("tel:+1-514-555-0199;ext=12", f"{MAIN};ext=12"),
        # the first one of several
        ("514 555-0199 ou 418 555-0100", MAIN),
        ("514 555-0199 / 418 555-0100", MAIN),
        ("B 514 555-0199 C 418 555-0100", MAIN),
        ("514 555-0199 poste 12, cell 418 555-0100", f"{MAIN};ext=12"),
        # elsewhere
        ("+33 1 23 45 67 89", "tel:+33123456789"),
        ("011 33 1 23 45 67 89", "tel:+33123456789"),
        ("1-800-FLOWERS", "tel:+18003569377"),
        # no number: no link
        ("555-0199", None),
        ("voir dossier", None),
        ("dossier 5145550199001", None),
        ("depuis le 2026-11-29", None),
        ("no 12345", None),
        ("911", None),
        ("-", None),
        ("javascript:alert(1)", None),
        ("+" * 200, None),
        ("(" * 200, None),
        ("5 " * 100, None),
    ],
)
def test_the_first_number_is_dialled_with_its_extension(written: str, dialled: str | None) -> None:
    assert call_link(written, MONTREAL) == dialled


@pytest.mark.parametrize(
    ("zone", "region", "dialled"),
    [
        ("Europe/Paris", "FR", "tel:+33123456789"),
        ("America/Montreal", "CA", None),
        ("America/New_York", "US", None),
        ("UTC", "CA", None),
        ("localtime", "CA", None),
        ("", "CA", None),
    ],
)
def test_the_zone_says_what_a_number_without_a_country_means(
    zone: str, region: str, dialled: str | None
) -> None:
    assert region_of(zone) == region
    assert call_link("01 23 45 67 89", zone) == dialled


def test_a_long_text_is_not_kept_whole() -> None:
    tracemalloc.start()
    try:
        for number in range(100):
            assert call_link(f"514 555-{number:04} " + "x" * 60_000, MONTREAL) is not None
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 2_000_000
