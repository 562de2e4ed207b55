"""The checks of `make check` that are our own: catalogues, drift, and the app's modules."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from tests import modules
from tests.catalogues import describe, report
from tests.drift import built, declared, differences
from tests.support.databases import TestDatabase

TEMPLATE = '{% trans %}Good day{% endtrans %} {{ _("%(count)s tasks", count=2) }}'
ENTRY = 'msgid "{}"\nmsgstr "{}"\n\n'


def a_tree(root: Path, french: str) -> Path:
    """A project with one template, a full English catalogue and the French one given."""
    for package in ("mail", "server"):
        for language in ("fr_CA", "en_CA"):
            (root / package / "locale" / language / "LC_MESSAGES").mkdir(parents=True)
    (root / "server" / "page.html").write_text(TEMPLATE)
    english = ENTRY.format("Good day", "Good day") + ENTRY.format(
        "%(count)s tasks", "%(count)s tasks"
    )
    locale = root / "server" / "locale"
    (locale / "en_CA" / "LC_MESSAGES" / "retour.po").write_text(english)
    (locale / "fr_CA" / "LC_MESSAGES" / "retour.po").write_text(french)
    return root


def found_in(root: Path, french: str) -> list[str]:
    return report(a_tree(root, french)).get("server/locale/fr_CA", [])


def test_a_full_catalogue_is_silent(tmp_path: Path) -> None:
    french = ENTRY.format("Good day", "Bonjour") + ENTRY.format(
        "%(count)s tasks", "%(count)s tâches"
    )
    assert report(a_tree(tmp_path, french)) == {}


def test_a_text_that_no_catalogue_says_is_missing(tmp_path: Path) -> None:
    [missing] = found_in(tmp_path, ENTRY.format("Good day", "Bonjour"))
    assert missing == "missing: '%(count)s tasks' (page.html:1)"


def test_an_empty_entry_and_a_lost_placeholder_are_found(tmp_path: Path) -> None:
    french = ENTRY.format("Good day", "") + ENTRY.format("%(count)s tasks", "des tâches")
    assert found_in(tmp_path, french) == [
        "empty: 'Good day'",
        "other placeholders: '%(count)s tasks' -> 'des tâches'",
    ]


def test_fuzzy_and_obsolete_entries_are_found(tmp_path: Path) -> None:
    french = (
        "#, fuzzy\n"
        + ENTRY.format("Good day", "Bonjour")
        + ENTRY.format("%(count)s tasks", "%(count)s tâches")
        + ENTRY.format("Good night", "Bonne nuit")
        + '#~ msgid "Good evening"\n#~ msgstr "Bonsoir"\n'
    )
    assert found_in(tmp_path, french) == [
        "fuzzy: 'Good day'",
        "obsolete: 'Good night'",
        "obsolete: 'Good evening'",
    ]


@pytest.mark.parametrize(
    ("said", "faults"),
    [
        ("Bonjour!", []),
        ("Il a dit\u00a0: «\u00a0bonjour\u00a0» à 8:30", []),
        ("Le signe «\u00a0?\u00a0», 14\u00a0jours, 1\u00a0000\u00a0caractères", []),
        ("Bonjour !", ["space before a sign"]),
        ("Bonjour\u00a0! Et vous\u202f?", ["space before a sign"]),
        ("Il a dit : rien", ["breakable space"]),
        ("Il a dit: rien", ["missing space"]),
        ("« bonjour »", ["breakable space", "missing space"]),
        ("«bonjour»", ["missing space"]),
        ("dans 14 jours", ["breakable space"]),
        ("1 000\u00a0caractères", ["breakable space"]),
        ("Envoyez `Authorization: Bearer !` et 426 `old_app`", []),
    ],
)
def test_a_french_text_has_the_spaces_that_french_wants(
    tmp_path: Path, said: str, faults: list[str]
) -> None:
    french = ENTRY.format("Good day", said) + ENTRY.format("%(count)s tasks", "%(count)s tâches")
    assert [fault.partition(":")[0] for fault in found_in(tmp_path, french)] == faults


def test_our_own_catalogues_are_whole() -> None:
    assert describe(report()) == ""


def changed(database: TestDatabase, statement: str) -> list[str]:
    """What differs after `statement`."""

    async def change() -> list[str]:
        connection = await asyncpg.connect(database.owner)
        await connection.execute(statement)
        await connection.close()
        return differences(declared(), await built(database.owner))

    return asyncio.run(change())


def test_the_tables_say_what_the_migrations_build(database: TestDatabase) -> None:
    assert len(declared()) > 30
    assert changed(database, "SELECT 1") == []


def test_a_column_on_one_side_only_is_found(database: TestDatabase) -> None:
    found = changed(
        database, "ALTER TABLE unit DROP COLUMN name; ALTER TABLE unit ADD COLUMN title text"
    )
    assert found == [
        "unit: column name: only in Piccolo",
        "unit: column title: only in the database",
    ]


def test_another_type_nullability_default_or_key_is_found(database: TestDatabase) -> None:
    found = changed(
        database,
        "ALTER TABLE throttle DROP CONSTRAINT throttle_pkey;"
        "ALTER TABLE throttle ADD PRIMARY KEY (bucket, hits);"
        "ALTER TABLE throttle ALTER hits TYPE bigint;"
        "ALTER TABLE login ALTER address SET DEFAULT '';"
        "ALTER TABLE unit ALTER kind DROP NOT NULL;",
    )
    assert [text.split(" says")[0] for text in found] == [
        "login: column address: Piccolo",
        "throttle: column hits: Piccolo",
        "throttle: primary key: Piccolo",
        "unit: column kind: Piccolo",
    ]


def test_a_table_on_one_side_only_is_found(database: TestDatabase) -> None:
    found = changed(database, "DROP TABLE throttle; CREATE TABLE thing (id bigint)")
    assert found == ["table throttle: only in Piccolo", "table thing: only in the database"]


def test_without_node_the_modules_are_not_checked_which_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("RETOUR_TEST_ALL", raising=False)
    assert modules.main() == 0
    assert capsys.readouterr().err == "node and npm missing: the app's modules are not checked\n"


def test_without_node_the_check_fails_where_nothing_may_be_skipped(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("RETOUR_TEST_ALL", "1")
    assert modules.main() == 1
