"""The users whom an address may mean at sign-in, and the attempts that are counted for each.

An address may belong to users of several accounts, whose administrators need not trust each other.
Attempts are therefore counted per user, so that nothing in one account makes guesses at a user of
another cheaper. The number of users shows neither in the time taken nor in the response: the list
of candidates is padded to two, and beyond that to the next power of two.
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
from server.http.middleware.fair_queue import without_slot
from server.http.problems import ThrottledError
from server.services import services
from sync.database import tx

#: Candidates that every attempt is padded to at least.
FEWEST: Final = 2
#: A scope and an id for padding; no account and no user has them.
_NO_ACCOUNT: Final = 1
_NO_USER: Final = UUID(int=0)

_PEOPLE: Final = "SELECT account, app_user FROM login WHERE address = $1 ORDER BY account"
_ACTIVE_USER: Final = """
SELECT password_hash FROM app_user WHERE account = $1 AND id = $2 AND active
"""


class Candidate(Struct, frozen=True):
    """A user whom the address may mean; `person` is None in one that is padding.

    `stored`: the password hash of an active user.
    """

    person: Person | None
    stored: str | None
    buckets: tuple[Bucket, ...]


class Attempt(Struct, frozen=True):
    """One attempt to sign in: its candidates, and the client that makes it.

    `known`: the candidate as whom this browser signed in before; counted in a bucket of its own.
    """

    candidates: list[Candidate]
    known: Candidate | None
    peer_bucket: Bucket
    now: datetime

    @property
    def people(self) -> list[Person]:
        """The users among the candidates, without padding."""
        return [found.person for found in self.candidates if found.person is not None]


async def read_attempt(request: AnyRequest, address: str, shown: str) -> Attempt:
    """The attempt that `request` makes.

    `address`: in its normal form. `shown`: the value of the known browser's cookie.
    """
    async with tx() as opened:
        rows = await opened.fetch(_PEOPLE, address)
        now = opened.now
    people: list[Person | None] = [(row["account"], row["app_user"]) for row in rows]
    size = FEWEST
    while size < len(people):
        size *= 2
    people += [None] * (size - len(people))
    users: list[tuple[Person | None, str | None]] = []
    for person in people:
        account, user = person or (_NO_ACCOUNT, _NO_USER)  # the same work for padding
        async with tx(account) as opened:
            users.append((person, await opened.fetchval(_ACTIVE_USER, account, user)))
    recognised = trusted_browser.recognise(
        services(request).settings.secret,
        shown,
        {person: stored for person, stored in users if person and stored},
        now,
    )
    line = services(request).peers.network_of(request)
    candidates = [
        _candidate(person, stored, f"{address}#{number}", line, recognised)
        for number, (person, stored) in enumerate(users)
    ]
    known = next((item for item in candidates if recognised and item.person == recognised[0]), None)
    return Attempt(candidates, known, Bucket(f"login from {line}", PER_PEER), now)


def _candidate(
    person: Person | None,
    stored: str | None,
    padding: str,
    line: str,
    recognised: tuple[Person, str] | None,
) -> Candidate:
    """A candidate with its buckets. `padding`: names the bucket of one that is nobody."""
    if recognised is not None and person == recognised[0]:
        return Candidate(person, stored, (Bucket(f"login by {recognised[1]}", PER_BROWSER),))
    name = padding if person is None else f"{person[0]}/{person[1]}"
    near = Bucket(f"login of {name} from {line}", PER_PERSON_AND_PEER)
    return Candidate(person, stored, (near, Bucket(f"login of {name}", PER_PERSON)))


class CheckedAttempt(Struct, frozen=True):
    """The candidates whose password it is, and the buckets in which the attempt was counted."""

    matches: list[Candidate]
    spent: list[Bucket]


async def try_password(request: AnyRequest, attempt: Attempt, password: str) -> CheckedAttempt:
    """Count the attempt and check the password against all candidates, the known one first.

    :raises ThrottledError: no candidate has an attempt left, or the known one has none; or the
        password is that of no candidate with an attempt left, and may be another's.
    """
    try:
        admitted, shared, refusal = await _admit_candidates(attempt)
        stored = [item.stored if item in admitted else None for item in attempt.candidates]
        fits = await without_slot(check_passwords(stored, password))
        matches = [item for item, fit in zip(attempt.candidates, fits, strict=True) if fit]
        if refusal is not None and not matches:
            raise refusal
    except ThrottledError:
        note_refusal("sign_in_throttled", peer_of(request), attempt.people)
        raise
    matches.sort(key=lambda item: item is not attempt.known)
    own = [bucket for item in matches for bucket in item.buckets]
    return CheckedAttempt(matches, [*shared, *own])


async def _admit_candidates(
    attempt: Attempt,
) -> tuple[list[Candidate], list[Bucket], ThrottledError | None]:
    """Candidates whose password may be checked, the buckets they share, and the others' refusal.

    The known candidate is admitted whatever strangers did to the others, and without their refusal.

    :raises ThrottledError: as `try_password`.
    """
    strangers = [item for item in attempt.candidates if item is not attempt.known]
    groups = [item.buckets for item in strangers]
    if attempt.known is None:
        indexes, refusal = await admit(groups, attempt.peer_bucket)
        return [strangers[index] for index in indexes], [attempt.peer_bucket], refusal
    await count(attempt.known.buckets)
    try:
        indexes, _ = await admit(groups, attempt.peer_bucket)
    except ThrottledError:
        return [attempt.known], [], None
    admitted = [attempt.known, *(strangers[index] for index in indexes)]
    return admitted, [attempt.peer_bucket], None
