"""Settings that make no sense are refused before anything starts."""

import pytest

from server.settings import SettingsError, load


def test_variables_become_settings_of_their_kind() -> None:
    settings = load({"RETOUR_SWEEP": "0.5", "RETOUR_POOL_SIZE": "3", "OTHER": "x"})
    assert (settings.sweep, settings.pool_size) == (0.5, 3)


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"RETOUR_POOL_SIZE": "many"}, "RETOUR_POOL_SIZE: "),
        ({"RETOUR_SMTP_TIMEOUT": "700"}, "RETOUR_SMTP_TIMEOUT"),
        ({"RETOUR_LEASE": "660"}, "RETOUR_LEASE"),
        ({"RETOUR_MAIL_FROM": "retour@localhost"}, "RETOUR_MAIL_FROM"),
        ({"RETOUR_ORIGIN": "retour.example"}, "RETOUR_ORIGIN"),
        ({"RETOUR_ORIGIN": "ftp://retour.example"}, "RETOUR_ORIGIN"),
        ({"RETOUR_ORIGIN": "https://retour.example/"}, "RETOUR_ORIGIN"),
        ({"RETOUR_DATABASE_URL": "retour"}, "RETOUR_DATABASE_URL"),
        ({"RETOUR_HOSTS": "retour.example, a/b"}, "RETOUR_HOSTS"),
        ({"RETOUR_SMTP_URL": "mail.example"}, "RETOUR_SMTP_URL"),
        ({"RETOUR_SMTP_URL": "smtp://mail.example:many"}, "RETOUR_SMTP_URL"),
        ({"RETOUR_TRUSTED_PROXIES": "10.0.0.1, proxy"}, "RETOUR_TRUSTED_PROXIES"),
        ({"RETOUR_SECRET": "fifteen letters"}, "RETOUR_SECRET"),
        ({"RETOUR_SECRET": " " * 16}, "RETOUR_SECRET"),
        ({"RETOUR_POOL_SIZE": "0"}, "RETOUR_POOL_SIZE"),
        ({"RETOUR_SMTP_CONNECTIONS": "-1"}, "RETOUR_SMTP_CONNECTIONS"),
        ({"RETOUR_SMTP_TIMEOUT": "0"}, "RETOUR_SMTP_TIMEOUT"),
        ({"RETOUR_LEASE": "1000000000000"}, "RETOUR_LEASE"),
        ({"RETOUR_UNCERTAIN_AFTER": "0"}, "RETOUR_UNCERTAIN_AFTER"),
        ({"RETOUR_SWEEP": "0"}, "RETOUR_SWEEP"),
        ({"RETOUR_SWEEP": "-1"}, "RETOUR_SWEEP"),
        ({"RETOUR_SWEEP": "nan"}, "RETOUR_SWEEP"),
        ({"RETOUR_SWEEP": "inf"}, "RETOUR_SWEEP"),
        ({"RETOUR_NAMESPACE": ""}, "RETOUR_NAMESPACE"),
        ({"RETOUR_NAMESPACE": " "}, "RETOUR_NAMESPACE"),
        ({"RETOUR_NAMESPACE": "two words"}, "RETOUR_NAMESPACE"),
    ],
)
def test_what_makes_no_sense_is_named(variables: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        load(variables)


def test_a_wrong_mail_server_is_answered_with_an_example_and_without_its_password() -> None:
    with pytest.raises(SettingsError) as refused:
        load({"RETOUR_SMTP_URL": "http://user:sesame@mail.example"})
    assert "such as smtp+starttls://user:password@mail.firm.example" in str(refused.value)
    assert "sesame" not in str(refused.value)


def test_a_short_secret_is_not_repeated() -> None:
    with pytest.raises(SettingsError) as refused:
        load({"RETOUR_SECRET": "sesame"})
    assert "16" in str(refused.value)
    assert "sesame" not in str(refused.value)
