"""Whom an address may mean when somebody signs in with it, and how many guesses each is given.

An address may belong to people of several accounts, whose administrators need not trust each other.
Attempts are therefore counted for each person, and nothing that one account's people may do makes
guesses at another's cheaper. How many people there are shows neither in the work nor in the answer:
an address of nobody, of one person or of two costs two of everything, and beyond that the next
power of two.
"""

from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec import Struct

from server.access import trusted_browser
from server.access.passwords import check_passwords
from server.access.rate_limit import (
    PER_BROWSER,
    PER_PEER,
    PER_PERSON,
    PER_PERSON_AND_PEER,
    AnyRequest,
    Bucket,
    admit,
    count,
)
from server.access.security_log import note_refusal, peer_of
from server.access.trusted_browser import Person
from server.http.fair_queue import without_slot
from server.http.problems import ThrottledError
from server.services import services
from sync.database import tx

#: Places that every attempt fills at least.
FEWEST: Final = 2
#: The scope in which nobody is looked for; no account has the number.
_NOWHERE: Final = 1
_NOBODY: Final = UUID(int=0)

_PEOPLE: Final = "SELECT account, app_user FROM login WHERE address = $1 ORDER BY account"
_STORED: Final = """
SELECT password_hash FROM app_user WHERE account = $1 AND id = $2 AND active
"""


class Candidate(Struct, frozen=True):
    """A person whom the address may mean, or a place that nobody fills: then `person` is None.

    `stored`: the hash of the password of an active user.
    """

    person: Person | None
    stored: str | None
    buckets: tuple[Bucket, ...]


class Attempt(Struct, frozen=True):
    """One try to sign in: whom it may be for, and who it is from.

    `known`: the one that this browser signed in as before; its tries are counted apart.
    """

    candidates: list[Candidate]
    known: Candidate | None
    peer_bucket: Bucket
    now: datetime

    @property
    def people(self) -> list[Person]:
        """Who is really there."""
        return [one.person for one in self.candidates if one.person is not None]


async def read_attempt(request: AnyRequest, address: str, shown: str) -> Attempt:
    """What `request` tries. `address`: in its normal form. `shown`: the known browser's cookie."""
    async with tx() as opened:
        rows = await opened.fetch(_PEOPLE, address)
        now = opened.now
    people: list[Person | None] = [(row["account"], row["app_user"]) for row in rows]
    places = FEWEST
    while places < len(people):
        places *= 2
    people += [None] * (places - len(people))
    stored = [await _stored(person) for person in people]
    settings = services(request).settings
    hashes = {person: one for person, one in zip(people, stored, strict=True) if person and one}
    recognised = trusted_browser.recognise(settings.secret, shown, hashes, now)
    peers = services(request).peers
    line = peers.line(request)
    candidates = [
        _candidate(person, one, _name(person, address, place), line, recognised)
        for place, (person, one) in enumerate(zip(people, stored, strict=True))
    ]
    familiar = next((one for one in candidates if recognised and one.person == recognised[0]), None)
    return Attempt(candidates, familiar, Bucket(f"login from {line}", PER_PEER), now)


def _name(person: Person | None, address: str, place: int) -> str:
    return f"{address}#{place}" if person is None else f"{person[0]}/{person[1]}"


def _candidate(
    person: Person | None,
    stored: str | None,
    name: str,
    line: str,
    recognised: tuple[Person, str] | None,
) -> Candidate:
    if recognised is not None and person == recognised[0]:
        return Candidate(person, stored, (Bucket(f"login by {recognised[1]}", PER_BROWSER),))
    near = Bucket(f"login of {name} from {line}", PER_PERSON_AND_PEER)
    return Candidate(person, stored, (near, Bucket(f"login of {name}", PER_PERSON)))


async def _stored(person: Person | None) -> str | None:
    """The hash of an active person's password; as dear to find for nobody."""
    account, user = person or (_NOWHERE, _NOBODY)
    async with tx(account) as opened:
        found: str | None = await opened.fetchval(_STORED, account, user)
    return found


class Tried(Struct, frozen=True):
    """What became of an attempt: whose password it is, and what was counted for them."""

    matches: list[Candidate]
    spent: list[Bucket]


async def try_password(request: AnyRequest, attempt: Attempt, password: str) -> Tried:
    """Count the attempt and check the password, the known person's first among equals.

    :raises ThrottledError: nobody has a try left, or the known person has none; or it is nobody's
        of those who have, and may be another's.
    """
    try:
        admitted, shared, refusal = await _admitted(attempt)
        tried = [one.stored if one in admitted else None for one in attempt.candidates]
        fits = await without_slot(check_passwords(tried, password))
        matches = [one for one, fit in zip(attempt.candidates, fits, strict=True) if fit]
        if refusal is not None and not matches:
            raise refusal
    except ThrottledError:
        note_refusal("sign_in_throttled", peer_of(request), attempt.people)
        raise
    matches.sort(key=lambda one: one is not attempt.known)
    return Tried(matches, [*shared, *(bucket for one in matches for bucket in one.buckets)])


async def _admitted(
    attempt: Attempt,
) -> tuple[list[Candidate], list[Bucket], ThrottledError | None]:
    """Whose password may be tried, what was counted for all of them, and what to say to others.

    A known browser's person is admitted whatever strangers did to the others, and told nothing of
    them.

    :raises ThrottledError: as `try_password`.
    """
    strangers = [one for one in attempt.candidates if one is not attempt.known]
    groups = [one.buckets for one in strangers]
    if attempt.known is None:
        places, refusal = await admit(groups, attempt.peer_bucket)
        return [strangers[place] for place in places], [attempt.peer_bucket], refusal
    await count(attempt.known.buckets)
    try:
        places, _ = await admit(groups, attempt.peer_bucket)
    except ThrottledError:
        return [attempt.known], [], None
    admitted = [attempt.known, *(strangers[place] for place in places)]
    return admitted, [attempt.peer_bucket], None
