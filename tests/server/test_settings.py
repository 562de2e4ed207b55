"""Settings that make no sense are refused before anything starts."""

import pytest

from server.addresses import is_loopback
from server.settings import SettingsError, load


def test_variables_become_settings_of_their_kind() -> None:
    settings = load({"RETOUR_SWEEP": "0.5", "RETOUR_POOL_SIZE": "3", "OTHER": "x"})
    assert (settings.sweep, settings.pool_size) == (0.5, 3)


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"RETOUR_POOL_SIZE": "many"}, "RETOUR_POOL_SIZE must"),
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
        ({"RETOUR_SMTP_NAME": "mail example"}, "RETOUR_SMTP_NAME"),
        ({"RETOUR_SMTP_NAME": "a\r\nMAIL FROM:<x@y.example>"}, "RETOUR_SMTP_NAME"),
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


SESAME = "sesame"


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("SMTP_URL", "smtp+starttls://u@x.ca:p@sesame#1@mail:587", "no #"),
        ("SMTP_URL", "smtp+starttls://u@x.ca:sesame@mail:587", "@ once"),
        ("SMTP_URL", "smtp+starttls://u:p/sesame@mail:587", "no / or ?"),
        ("SMTP_URL", "smtp+starttls://u:p?sesame@mail:587", "no / or ?"),
        ("SMTP_URL", "smtp+starttls://u:100%sesame@mail:587", "each %"),
        ("SMTP_URL", "smtp+starttls://u:sesame%ff@mail:587", "UTF-8"),
        ("SMTP_URL", "smtp+starttls://u:sesame @mail:587", "no blanks"),
        ("SMTP_URL", "smtp+starttls://u:sesame@mail\n:587", "no blanks"),
        ("SMTP_URL", "smtp+starttls://:sesame@mail", "name the user"),
        ("SMTP_URL", "smtp+starttls://sesame@mail", "both a user and a password"),
        ("SMTP_URL", "smtp+starttls://u:sesame@mail:0", "port from 1"),
        ("SMTP_URL", "smtp+starttls://u:sesame@mail:70000", "port from 1"),
        ("SMTP_URL", "smtp+starttls://u:sesame@mail/in", "end after host"),
        ("SMTP_URL", "smtp+starttls://u:sesame@mail?tls=no", "end after host"),
        ("SMTP_URL", "smtp+starttls://u:sesame@a,b", "name one host"),
        ("SMTP_URL", "smtp+starttls://u:sesame@", "name one host"),
        ("SMTP_URL", "smtp+starttls://u:sesame@[::1", "host:port"),
        ("SMTP_URL", "smtp+starttls://u:sesame@[1::2::3]", "IPv6"),
        ("SMTP_URL", "smtp:/u:sesame@mail", "scheme://host"),
        ("SMTP_URL", "http://u:sesame@mail", "one of the schemes smtp,"),
        ("SMTP_URL", "smtp://u:sesame@mail.example", "in clear"),
        ("SMTP_URL", "smtp://u:sesame@localhost.example:25", "in clear"),
        ("SMTP_URL", "smtp://u:sesame@10.0.0.1", "in clear"),
        ("DATABASE_URL", "postgresql://owner:sesame#1@db/retour", "no #"),
        ("DATABASE_URL", "postgresql://owner:se/same@db/retour", "no / or ?"),
        ("DATABASE_URL", "postgresql://owner:se@same@db/retour", "@ once"),
        ("DATABASE_URL", "postgresql://owner:sesame@db", "name a database"),
        ("DATABASE_URL", "postgresql://owner:sesame@db:port/retour", "host:port"),
        ("DATABASE_URL", "mysql://owner:sesame@db/retour", "postgresql://"),
        ("BROKER_URL", "amqp://u:sesame#1@mq", "no #"),
        ("BROKER_URL", "amqp://u:ses@me@mq", "@ once"),
        ("BROKER_URL", "redis://:sesame@cache", "name the user"),
        ("BROKER_URL", "memory://sesame", "must start with"),
        ("BROKER_URL", "kafka://u:sesame@mq", "must start with"),
        ("BROKER_URL", "amqp://", "name a host"),
        ("SMTP_URL", "smtp://mail:abc", "a host, or host:port"),
        ("ORIGIN", "https://u:sesame@retour.example", "scheme, host and port alone"),
        ("ORIGIN", "https://retour.example/", "scheme, host and port alone"),
        ("ORIGIN", "https://retour.example/path", "scheme, host and port alone"),
        ("ORIGIN", "https://a b", "scheme, host and port alone"),
        ("ORIGIN", "https://retour.example:70000", "port from 1"),
        ("ORIGIN", "https://retour.example:", "host"),
        ("ORIGIN", "https://retour..example", "hosts, such as"),
        ("ORIGIN", "https://-", "hosts, such as"),
        ("ORIGIN", "https://[::::]", "IPv6"),
        ("ORIGIN", "https://boréal.example", "xn--"),
        ("ORIGIN", "https://retour.example?x", "host"),
        ("HOSTS", "retour.example:70000", "port from 1"),
        ("HOSTS", "https://retour.example", "host"),
        ("HOSTS", "*", "host"),
        ("HOSTS", "a.example b.example", "host"),
        ("TRUSTED_PROXIES", "10.0.0.1/8", "host bits"),
        ("TRUSTED_PROXIES", "10.0.0.1:80", "addresses or networks"),
        ("TRUSTED_PROXIES", "0.0.0.0/0", "all addresses"),
        ("TRUSTED_PROXIES", "10.0.0.0/8, ::/0", "all addresses"),
        ("TRUSTED_PROXIES", "::ffff:10.0.0.1", "IPv4"),
        ("DATA", "", "folder"),
    ],
)
def test_what_would_mean_something_else_is_refused_with_the_reason(
    name: str, value: str, says: str
) -> None:
    with pytest.raises(SettingsError) as refused:
        load({f"RETOUR_{name}": value})
    assert str(refused.value).startswith(f"RETOUR_{name} ")
    assert says in str(refused.value)
    assert SESAME not in str(refused.value)
    assert "same" not in str(refused.value).partition("such as")[0]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SMTP_URL", "smtp+starttls://u%40x.ca:p%40ss%231@mail:587"),
        ("SMTP_URL", "smtps://u:p:a:ss@[2001:db8::1]:4465"),
        ("SMTP_URL", "SMTP://mail"),
        ("SMTP_URL", "smtp://u:p@localhost:1025"),
        ("SMTP_URL", "smtp://u:p@127.0.0.1:1025"),
        ("SMTP_URL", "smtp://u:p@[::1]:1025"),
        ("SMTP_URL", "smtp://mail.example"),
        ("DATABASE_URL", "postgresql://owner:p%2Fss@a:5432,b:5433/retour?target_session_attrs=any"),
        ("DATABASE_URL", "postgres://db/retour?sslmode=require"),
        ("DATABASE_URL", "postgresql:///retour?host=/var/run/postgresql"),
        ("BROKER_URL", "amqps://u:p@mq:5671/%2F?heartbeat=30"),
        ("BROKER_URL", "rediss://default:p@cache:6380/3"),
        ("ORIGIN", "https://[2001:db8::1]:8443"),
        ("ORIGIN", "https://xn--boral-csa.example"),
        ("HOSTS", "127.0.0.1:8001, localhost,retour_1:8000,[::1]"),
        ("TRUSTED_PROXIES", "10.0.0.0/8, 192.0.2.1,2001:db8::/32"),
    ],
)
def test_what_means_one_thing_is_taken(name: str, value: str) -> None:
    assert getattr(load({f"RETOUR_{name}": value}), name.lower()) == value


def test_an_origin_in_capitals_is_as_secure_as_in_small_letters() -> None:
    origin = load({"RETOUR_ORIGIN": "HTTPS://Retour.Example"}).origin
    assert origin == "https://retour.example"


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ("http://127.0.0.1:8000", True),
        ("http://127.8.9.1", True),
        ("http://[::1]:8000", True),
        ("http://localhost:8000", True),
        ("http://retour.localhost", True),
        ("http://192.0.2.10:8000", False),
        ("https://retour.firm.example", False),
        ("https://localhost.firm.example", False),
    ],
)
def test_which_origins_only_this_machine_reaches(origin: str, expected: bool) -> None:
    assert is_loopback(origin) is expected


def test_a_short_secret_is_not_repeated() -> None:
    with pytest.raises(SettingsError) as refused:
        load({"RETOUR_SECRET": "sesame"})
    assert "16" in str(refused.value)
    assert "sesame" not in str(refused.value)
