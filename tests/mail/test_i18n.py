"""Catalogues are read as they are, and a language is agreed upon."""

from pathlib import Path

import pytest

from mail.i18n import Translator, locale_of, translations

HEADER = (
    'msgid ""\nmsgstr ""\n"Language: {locale}\\n"\n"Content-Type: text/plain; charset=utf-8\\n"\n'
    '"Plural-Forms: nplurals=2; plural={plural};\\n"\n\n'
)
FRENCH = 'msgid "{first}"\nmsgstr "{second}"\n\n'
PLURAL = (
    'msgid "%(n)s mail"\nmsgid_plural "%(n)s mails"\n'
    'msgstr[0] "%(n)s courriel"\nmsgstr[1] "%(n)s courriels"\n'
)


def catalogue(folder: Path, *texts: tuple[str, str], extra: str = "") -> Path:
    place = folder / "fr_CA" / "LC_MESSAGES"
    place.mkdir(parents=True)
    body = HEADER.format(locale="fr_CA", plural="(n > 1)")
    body += "".join(FRENCH.format(first=first, second=second) for first, second in texts)
    (place / "retour.po").write_text(body + extra, encoding="utf-8")
    return folder


def test_several_folders_make_one_catalogue_and_the_first_wins(tmp_path: Path) -> None:
    ours = catalogue(tmp_path / "ours", ("Tasks", "Tâches"))
    theirs = catalogue(tmp_path / "theirs", ("Tasks", "Travaux"), ("Sent", "Envoyé"))
    texts = translations("fr_CA", ours, theirs)
    assert [texts.gettext(item) for item in ("Tasks", "Sent", "Unknown")] == [
        "Tâches",
        "Envoyé",
        "Unknown",
    ]


def test_french_counts_zero_as_one(tmp_path: Path) -> None:
    french = Translator("fr_CA", catalogue(tmp_path / "a"), catalogue(tmp_path / "b", extra=PLURAL))
    words = [french.ngettext("%(n)s mail", "%(n)s mails", n) % {"n": n} for n in (0, 1, 2)]
    assert words == ["0 courriel", "1 courriel", "2 courriels"]


def test_a_missing_catalogue_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        translations("fr_CA", tmp_path)


@pytest.mark.parametrize(
    ("languages", "locale"),
    [
        ((None, "en-US"), "en_CA"),
        (("es", "en", "fr"), "en_CA"),
        (("FR-fr",), "fr_CA"),
        (("es", None), "fr_CA"),
        (("", "english"), "fr_CA"),
        ((), "fr_CA"),
    ],
)
def test_the_first_language_that_we_speak_is_spoken(
    languages: tuple[str | None, ...], locale: str
) -> None:
    assert locale_of(*languages) == locale
