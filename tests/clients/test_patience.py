"""A failing server is asked again as the protocol's page says: later each time, as it wishes."""

from pathlib import Path

from tests.clients.starting import prepare, started

SLACK = 2.0  # milliseconds: a timer of Node may ring a little early


def test_a_document_whose_code_does_less_than_its_words_waits_longer_each_time(
    tmp_path: Path,
) -> None:
    name = prepare("plain", "patience", tmp_path)
    with started("", "", [], tmp_path, name) as program:
        said = program.hear("done")
    assert said["told"] == {"message": "Retour answered 503", "least": 1000}
    *longer, told = said["waits"]
    for failures, waited in enumerate(longer):
        assert waited >= 20 * 2**failures / 2 - SLACK
    assert told >= 1000 - SLACK
    # The first answer says that a second is to pass; the others leave it to the rule.
    assert said["gaps"][0] >= 1000 - SLACK
    for failures, gap in enumerate(said["gaps"][1:], start=1):
        assert gap >= 20 * 2**failures / 2 - SLACK
