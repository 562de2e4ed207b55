"""The command `retour` says what is wrong in words, and gives out what is asked for."""

import asyncio
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeAlias

import asyncpg
import pytest
from click.testing import CliRunner, Result

from server.cli.main import main
from sync.ids import account_of
from tests.support.databases import SECRET, TestDatabase, clone
from tests.support.processes import environment

pytestmark = pytest.mark.slow

Retour: TypeAlias = Callable[..., Result]

#: Takes away what the tests themselves are told by variables.
NONE_OF_OURS: dict[str, str | None] = dict.fromkeys(
    name for name in os.environ if name.startswith("RETOUR_")
)

ADMIN = ("--admin-name", "Zoé Roy", "--admin-email", "Zoe@Autre.example")


def retour(
    folder: Path, *command: str, language: str = "en_CA.UTF-8", **settings: object
) -> subprocess.CompletedProcess[str]:
    """Run the command to its end, with the settings given and no other."""
    return subprocess.run(
        [sys.executable, "-m", "server.cli", *command],
        env=environment({"data": folder, **settings}) | {"LC_ALL": language},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
        cwd=Path(__file__).parents[2],
    )


def inside(folder: Path, *command: str, language: str, **settings: object) -> Result:
    """The same inside this process, for a command that starts nothing."""
    given = environment({"data": folder, **settings}) | {"LC_ALL": language}
    return CliRunner().invoke(main, command, env=NONE_OF_OURS | given)


def at(database: TestDatabase, folder: Path) -> Retour:
    """`retour` on a database, inside this process."""
    variables = {
        "RETOUR_DATA": str(folder),
        "RETOUR_DATABASE_URL": database.owner,
        "RETOUR_SECRET": SECRET,
    }

    def command(*args: str, typed: bytes = b"", language: str = "en_CA.UTF-8") -> Result:
        env = NONE_OF_OURS | variables | {"LC_ALL": language}
        return CliRunner().invoke(main, args, env=env, input=typed)

    return command


@pytest.fixture
def ours(database: TestDatabase, tmp_path: Path) -> Retour:
    """`retour` on the test's database."""
    return at(database, tmp_path)


@pytest.fixture(scope="module")
def refusing(template: TestDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Retour]:
    """`retour` on a database with one account, for commands that change nothing."""
    with clone(template) as made:
        command = at(made, tmp_path_factory.mktemp("refusing"))
        an_account(command)
        yield command


def an_account(ours: Retour, *more: str) -> str:
    """The locator of a fresh account whose administrator has a long password."""
    made = ours("account", "create", "Autre", *ADMIN, "--password", "une longue phrase", *more)
    assert made.exit_code == 0, made.stderr
    return locator_in(made.stdout)


def locator_in(said: str) -> str:
    """The locator that the sentence about it names."""
    found = re.search(r"\b[0-9A-Z]{8}\b", said)
    assert found is not None, said
    return found[0]


def a_technician(database: TestDatabase, email: str) -> None:
    """Make the administrator of the only account a technician."""

    async def change() -> None:
        connection = await asyncpg.connect(database.owner)
        await connection.execute("UPDATE app_user SET role = 'technician' WHERE email = $1", email)
        await connection.close()

    asyncio.run(change())


@pytest.mark.parametrize("process", ["api", "worker", "clock"])
def test_a_separate_process_names_what_it_lacks(process: str, tmp_path: Path) -> None:
    said = retour(tmp_path, process, database_url="postgresql://127.0.0.1/none")
    assert said.returncode == 1
    assert "Set RETOUR_SECRET, RETOUR_BROKER_URL" in said.stderr
    assert "Traceback" not in said.stderr


def test_errors_are_said_in_french_too(tmp_path: Path) -> None:
    said = retour(tmp_path, "clock", language="fr_CA.UTF-8")
    assert said.returncode == 1
    assert "Précisez RETOUR_DATABASE_URL, RETOUR_SECRET, RETOUR_BROKER_URL" in said.stderr


ENGLISH = re.compile(
    r"\b(Usage|Error|Commands|Show|Try|No such|Missing|Got|Invalid|required|default|TEXT|must)\b"
)


@pytest.mark.parametrize(
    ("command", "code", "says"),
    [
        ((), 2, "Commandes\u00a0:"),
        (("--help",), 0, "Utilisation\u00a0: "),
        (("account", "--help"), 0, "Commandes\u00a0:"),
        (("enrol", "--help"), 0, "Affiche ce message"),
        (("fly",), 2, "La commande fly n\u2019existe pas"),
        (("account", "fly"), 2, "La commande fly n\u2019existe pas"),
        (("up", "--fast"), 2, "L\u2019option --fast n\u2019existe pas"),
        (("up", "--help"), 0, "--port NOMBRE"),
        (("token", "--help"), 0, "par défaut\u00a0: 365"),
        (("account", "create", "--help"), 0, "[obligatoire]"),
        (("enrol",), 2, "Il manque EMAIL"),
        (("up", "--port", "99999"), 2, "--port doit être un nombre entier de 0 à 65535"),
        (("up", "--port", "many"), 2, "--port doit être un nombre entier de 0 à 65535"),
        (("account", "create", "A", *ADMIN, "--language", "de"), 2, "choix\u00a0: fr_CA, en_CA"),
        (("enrol", "a@b.example", "c"), 2, "La commande est incomplète ou en dit trop"),
        (("clock",), 1, "Erreur\u00a0: Précisez"),
    ],
)
def test_the_terminal_is_spoken_to_in_one_language(
    tmp_path: Path, command: tuple[str, ...], code: int, says: str
) -> None:
    said = retour(tmp_path, *command, language="fr_CA.UTF-8")
    assert said.returncode == code
    assert says in said.stdout + said.stderr
    assert not ENGLISH.search(said.stdout + said.stderr)


def test_a_database_that_does_not_answer_is_said_so(tmp_path: Path) -> None:
    address = "postgresql://somebody:x@127.0.0.1:1/none"
    said = retour(
        tmp_path, "worker", database_url=address, secret=SECRET, broker_url="redis://127.0.0.1:1"
    )
    assert said.returncode == 1
    assert "The database cannot be reached: nothing listens at its address" in said.stderr


def test_an_unknown_kind_of_broker_is_said_so(database: TestDatabase, tmp_path: Path) -> None:
    said = retour(
        tmp_path,
        "clock",
        database_url=database.owner,
        secret=SECRET,
        broker_url="carrier-pigeon://roof",
    )
    assert said.returncode == 1
    assert "amqp://" in said.stderr


def test_a_setting_that_makes_no_sense_is_named(tmp_path: Path) -> None:
    said = retour(tmp_path, "up", pool_size="many")
    assert said.returncode == 1
    assert "RETOUR_POOL_SIZE must be a whole number of 1 or more" in said.stderr


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"pool_size": "many"}, "RETOUR_POOL_SIZE doit être un nombre entier d\u2019au moins 1"),
        ({"lease": "0"}, "RETOUR_LEASE doit être un nombre entier de secondes, de 1 à 31536000"),
        ({"testing": "perhaps"}, "RETOUR_TESTING doit être true ou false"),
        ({"secret": "court"}, "RETOUR_SECRET doit avoir au moins 16 caractères"),
        ({"smtp_url": "smtp://u:p#x@mail"}, "ne doit pas contenir de #\u00a0: dans un nom"),
        ({"origin": "retour"}, "RETOUR_ORIGIN doit être un protocole, un hôte et un port"),
        ({"trusted_proxies": "proxy"}, "proxy n\u2019est ni l\u2019un ni l\u2019autre"),
        ({"broker_url": "kafka://mq"}, "RETOUR_BROKER_URL doit commencer par l\u2019un de amqp://"),
    ],
)
def test_a_wrong_setting_is_answered_in_the_terminals_language(
    tmp_path: Path, settings: dict[str, object], says: str
) -> None:
    said = inside(tmp_path, "up", language="fr_CA.UTF-8", **settings)
    assert said.exit_code == 1
    assert says in said.stderr
    assert not ENGLISH.search(said.stderr)


@pytest.mark.parametrize("language", ["C.UTF-8", "C", "POSIX", "de_DE.UTF-8", "en_US.UTF-8", ""])
def test_a_terminal_that_names_no_language_of_ours_is_spoken_to_in_english(
    tmp_path: Path, language: str
) -> None:
    assert "Error: EMAIL is missing" in inside(tmp_path, "enrol", language=language).stderr


def test_a_variable_that_is_no_setting_is_said_with_the_one_it_looks_like(tmp_path: Path) -> None:
    wrong = {"orign": "x", "host": "y", "zz": "1", "pool_size": "0"}
    said = inside(tmp_path, "up", language="C.UTF-8", **wrong)
    assert said.stderr.splitlines()[:3] == [
        "Warning: RETOUR_HOST is no setting of Retour; is RETOUR_HOSTS meant?",
        "Warning: RETOUR_ORIGN is no setting of Retour; is RETOUR_ORIGIN meant?",
        "Warning: RETOUR_ZZ is no setting of Retour and changes nothing.",
    ]


def test_a_port_that_is_taken_is_said_so(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = retour(
            tmp_path,
            *("api", "--port", str(port)),
            database_url="postgresql://127.0.0.1/none",
            secret=SECRET,
            broker_url="redis://127.0.0.1:6379",
        )
    assert said.returncode == 1
    assert f"Cannot listen on 127.0.0.1:{port}: another program listens there" in said.stderr


def test_a_command_says_so_when_the_database_that_was_named_does_not_answer(tmp_path: Path) -> None:
    address = "postgresql://somebody:x@127.0.0.1:1/none"
    said = retour(tmp_path, "held", database_url=address, secret=SECRET)
    assert said.returncode == 1
    assert "The database cannot be reached" in said.stderr


def test_codes_are_not_given_where_nothing_runs(tmp_path: Path) -> None:
    said = retour(tmp_path / "nowhere", "enrol", "luc@boreal.example")
    assert said.returncode == 1
    assert "No Retour runs on" in said.stderr


def test_an_account_comes_with_an_administrator_who_may_sign_in(ours: Retour) -> None:
    made = ours("account", "create", "Autre", *ADMIN, "--password", "")
    created, password, onward = made.stdout.splitlines()
    locator = locator_in(created)
    assert account_of(locator) is not None
    assert created == (
        f"The account is created. Its code is {locator}: commands take it as --account where"
        " there are several accounts."
    )
    assert password.startswith("Password: ")
    assert len(password.removeprefix("Password: ")) >= 12
    assert "docs/start-account.md" in onward


def test_a_short_password_and_a_bad_address_are_refused(ours: Retour) -> None:
    short = ours("account", "create", "Autre", *ADMIN, "--password", "court")
    assert short.exit_code == 1
    assert "at least twelve characters" in short.stderr
    bad = ours(
        "account", "create", "Autre", "--admin-name", "Zoé", "--admin-email", "zoe", "--password",
        "une longue phrase",
    )  # fmt: skip
    assert bad.exit_code == 1
    assert "email" in bad.stderr


def test_a_technician_gets_a_code_and_nobody_else_does(
    ours: Retour, database: TestDatabase
) -> None:
    an_account(ours)
    refused = ours("enrol", "zoe@autre.example")
    assert refused.exit_code == 1
    assert "zoe@autre.example is no active technician" in refused.stderr
    a_technician(database, "zoe@autre.example")
    given = ours("enrol", " ZOE@autre.example")
    assert given.exit_code == 0
    assert len(given.stdout.strip()) == len("XXXX-XXXX-XXXX-XXXX")
    unknown = ours("enrol", "nobody@autre.example")
    assert unknown.exit_code == 1
    assert "Nobody has the address" in unknown.stderr


def test_where_several_accounts_fit_one_is_to_be_chosen(ours: Retour) -> None:
    none = ours("token", "import")
    assert (none.exit_code, "There is no such account" in none.stderr) == (1, True)
    first, second = an_account(ours), an_account(ours)
    several = ours("token", "import")
    assert several.exit_code == 1
    assert first in several.stderr
    assert second in several.stderr
    chosen = ours("token", "import", "--account", first)
    assert chosen.exit_code == 0
    assert chosen.stdout.startswith(f"rta_{first}")
    strange = ours("token", "import", "--account", "AAAAAAAA")
    assert "There is no such account" in strange.stderr


def created(ours: Retour, *more: str, typed: bytes = b"") -> Result:
    """The answer to the making of an account; `typed`: what comes through a pipe."""
    return ours("account", "create", "Autre", *ADMIN, *more, typed=typed)


@pytest.mark.parametrize("typed", [b"", b"\n", b"\r\n"])
def test_an_empty_password_at_a_pipe_is_made(ours: Retour, typed: bytes) -> None:
    made = created(ours, typed=typed)
    assert made.exit_code == 0, made.stderr
    assert re.search(r"Password: \S{12,}", made.stdout)


def test_a_password_comes_through_a_pipe_without_a_warning(tmp_path: Path) -> None:
    said = subprocess.run(
        [sys.executable, "-m", "server.cli", "account", "create", "Autre", *ADMIN],
        env=environment({"data": tmp_path}) | {"LC_ALL": "en_CA.UTF-8"},
        input=b"\xff une longue phrase\n",
        capture_output=True,
        check=False,
        timeout=60,
        cwd=Path(__file__).parents[2],
    )
    assert (said.returncode, said.stdout) == (1, b"")
    assert said.stderr == b"Error: The password is not valid UTF-8\n"


@pytest.mark.parametrize(
    ("password", "says"),
    [
        ("court", "at least twelve"),
        ("x" * 11, "at least twelve"),
        ("x" * 1025, "at most 1,024"),
        ("motdepasse123", "password: This password is common"),
        ("Zoe.Autre.2026", "password: This password is common"),
        ("1q2w3e4r5t6y", "password: This password is common"),
    ],
)
def test_a_poor_password_is_refused_as_by_the_api(
    refusing: Retour, password: str, says: str
) -> None:
    given = created(refusing, "--password", password)
    piped = created(refusing, typed=password.encode())
    assert (given.exit_code, piped.exit_code) == (1, 1)
    assert says in given.stderr
    assert says in piped.stderr


def test_1024_letters_are_a_password(ours: Retour) -> None:
    letters = "".join(chr(0x100 + place) for place in range(1024))
    assert created(ours, "--password", letters).exit_code == 0


@pytest.mark.parametrize(
    "words",
    [
        ("account", "create", "", *ADMIN),
        ("account", "create", "\u200b", *ADMIN),
        ("account", "create", "a\nb", *ADMIN),
        ("account", "create", "x" * 201, *ADMIN),
        ("account", "create", "Autre", "--admin-name", "\x1b[2J", "--admin-email", "a@b.example"),
        ("account", "create", "Autre", "--admin-name", "Zoé", "--admin-email", "zoe"),
        ("account", "create", "Autre", *ADMIN, "--zone", "../etc/passwd"),
        ("token", ""),
        ("token", "a\nb"),
        ("token", "\u202e"),
        ("token", "x" * 101),
        ("token", "ERP", "--days", "0"),
        ("token", "ERP", "--days", "401"),
        ("token", "ERP", "--account", "not one"),
        ("tokens", "--account", "AAAAAAAA"),
        ("enrol", ""),
        ("enrol", "x" * 5000),
        ("enrol", "a@b@c"),
        ("held", "--send", "--drop"),
        ("held", "--drop", "--send"),
        ("up", "--host", ""),
    ],
)
@pytest.mark.parametrize("language", ["en_CA.UTF-8", "fr_CA.UTF-8"])
def test_what_the_api_would_refuse_the_terminal_refuses_in_a_line(
    refusing: Retour, words: tuple[str, ...], language: str
) -> None:
    said = refusing(*words, typed=b"une longue phrase\n", language=language)
    assert said.exit_code in {1, 2}, said.stdout
    assert isinstance(said.exception, SystemExit)
    assert said.stdout == ""
    last = said.stderr.strip().splitlines()[-1]
    assert last.startswith("Error: " if language.startswith("en") else "Erreur\u00a0: ")


def test_held_surveys_cannot_be_sent_and_dropped_at_once(refusing: Retour) -> None:
    assert "Either --send or --drop" in refusing("held", "--send", "--drop").stderr
    assert refusing("held", "--send").exit_code == refusing("held", "--drop").exit_code == 0


@pytest.mark.parametrize(
    "words",
    [
        (
            b"account",
            b"create",
            b"Bor\xe9al",
            b"--admin-name",
            b"Z",
            b"--admin-email",
            b"a@b.example",
        ),
        (b"enrol", b"luc\xff@boreal.example"),
        (b"token", b"\xc3"),
        (b"up", b"--data", b"\xfe"),
    ],
)
def test_bytes_that_are_no_text_are_said_so(tmp_path: Path, words: tuple[bytes, ...]) -> None:
    said = subprocess.run(
        [sys.executable.encode(), b"-m", b"server.cli", *words],
        env=environment({"data": tmp_path}) | {"LC_ALL": "en_CA.UTF-8"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=60,
        cwd=Path(__file__).parents[2],
    )
    assert said.returncode == 1
    assert re.fullmatch(rb"Error: Word \d of the command is not valid UTF-8\n", said.stderr)


def test_a_setting_that_is_no_text_is_said_so(tmp_path: Path) -> None:
    said = subprocess.run(
        [sys.executable, "-m", "server.cli", "clock"],
        env={os.fsencode(name): os.fsencode(value) for name, value in environment({}).items()}
        | {b"LC_ALL": b"en_CA.UTF-8", b"RETOUR_SECRET": b"\xff" * 20},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=60,
        cwd=tmp_path,
    )
    assert said.returncode == 1
    assert said.stderr.endswith(b"Error: RETOUR_SECRET is not valid UTF-8\n"), said.stderr


def test_a_setting_with_a_letter_wrong_is_warned_of(tmp_path: Path) -> None:
    said = retour(tmp_path, "clock", trusted_proxy="10.0.0.1")
    assert "RETOUR_TRUSTED_PROXY (RETOUR_TRUSTED_PROXIES?)" in said.stderr


def test_a_token_says_when_it_ends_and_is_listed(ours: Retour) -> None:
    an_account(ours)
    made = ours("token", "ERP de Zoé", "--days", "30")
    assert made.exit_code == 0
    assert re.fullmatch(r"rta_\S{51}\n", made.stdout)
    ends = re.search(r"It works until (\d{4}-\d\d-\d\d)", made.stderr)
    assert ends is not None
    wanted = datetime.now(UTC) + timedelta(days=30)
    assert abs(datetime.fromisoformat(ends[1] + "T00:00Z") - wanted) < timedelta(days=2)
    listed = ours("tokens").stdout.splitlines()
    assert len(listed) == 2
    assert listed[1].split()[1:3] == [ends[1], "never"]
    assert listed[1].endswith("ERP de Zoé")
    assert made.stdout.strip() not in "\n".join(listed)


def test_what_the_terminal_gives_out_is_recorded(ours: Retour, database: TestDatabase) -> None:
    an_account(ours)
    made = ours("token", "ERP")
    record = json.loads(made.stderr.splitlines()[0])
    assert (record["event"], record["by"], record["peer"]) == ("token_made", "terminal", "terminal")
    assert made.stdout.strip() not in made.stderr
    a_technician(database, "zoe@autre.example")
    record = json.loads(ours("enrol", "zoe@autre.example").stderr)
    assert record["event"] == "code_issued"
    assert record["logger"] == "retour.security"


def test_a_terminal_shows_what_is_recorded_in_a_line_of_words(
    ours: Retour, database: TestDatabase, tmp_path: Path
) -> None:
    an_account(ours)
    terminal, its_end = os.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "server.cli", "token", "ERP"],
        env=environment({"data": tmp_path, "database_url": database.owner, "secret": SECRET})
        | {"LC_ALL": "en_CA.UTF-8"},
        stdout=subprocess.PIPE,
        stderr=its_end,
        check=True,
        timeout=60,
    )
    os.close(its_end)
    shown = os.read(terminal, 10_000).decode()
    os.close(terminal)
    event, until = shown.splitlines()
    assert re.fullmatch(r"Security event: token_made account=\w{8} by=terminal token=\w+.*", event)
    assert until.startswith("It works until")
    assert done.stdout.decode().strip() not in shown
