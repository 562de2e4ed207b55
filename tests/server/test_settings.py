"""Settings that make no sense are refused before anything starts."""

import pytest

from server.settings import SettingsError, load


def test_variables_become_settings_of_their_kind() -> None:
    settings = load({"RETOUR_SWEEP": "0.5", "RETOUR_POOL_SIZE": "3", "OTHER": "x"})
    assert (settings.sweep, settings.pool_size) == (0.5, 3)


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"RETOUR_POOL_SIZE": "many"}, "pool_size"),
        ({"RETOUR_SMTP_TIMEOUT": "700"}, "RETOUR_SMTP_TIMEOUT"),
        ({"RETOUR_LEASE": "660"}, "RETOUR_LEASE"),
        ({"RETOUR_MAIL_FROM": "retour@localhost"}, "RETOUR_MAIL_FROM"),
        ({"RETOUR_ORIGIN": "retour.example"}, "RETOUR_ORIGIN"),
        ({"RETOUR_ORIGIN": "ftp://retour.example"}, "RETOUR_ORIGIN"),
        ({"RETOUR_ORIGIN": "https://retour.example/"}, "RETOUR_ORIGIN"),
        ({"RETOUR_DATABASE_URL": "retour"}, "RETOUR_DATABASE_URL"),
        ({"RETOUR_HOSTS": "retour.example, a/b"}, "RETOUR_HOSTS"),
        ({"RETOUR_SMTP_URL": "mail.example"}, "RETOUR_SMTP_URL"),
        ({"RETOUR_TRUSTED_PROXIES": "10.0.0.1, proxy"}, "RETOUR_TRUSTED_PROXIES"),
    ],
)
def test_what_makes_no_sense_is_named(variables: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        load(variables)
