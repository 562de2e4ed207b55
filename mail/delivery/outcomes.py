"""What becomes of a mail that was not taken: one table, from what the server said to an edge.

Whom a refusal concerns is said by its code and words, not by the phase: servers refuse a sender
behind the content as well, and a recipient there too (RFC 5321, 4.2; RFC 3463).
"""

import re
from enum import StrEnum
from re import Pattern
from typing import Final

from msgspec import Struct, structs

from mail.smtp.replies import Phase, SendError
from mail.states import DOUBT, EXPIRE, FAIL, GIVE_BACK, PUT_OFF, REFUSE, RESEND, STOP, Edge


class Blame(StrEnum):
    """Whom it concerns that a mail was not taken.

    SERVER: no mail can be sent now, whoever it is for. NOBODY_KNOWS: the content was on its way
    and no verdict came. LATER: the server wants us to come back. SENDER: its address or its limit,
    whoever it is for. OURSELVES: our rights and proofs, as the recipient's side sees them.
    RESTRICTED: it takes mail of some senders, and not of us. MAILBOX: it is there and takes nothing
    now. RECIPIENT: there is no such mailbox. MAIL: this mail, as far as we can tell.
    """

    SERVER = "server"
    NOBODY_KNOWS = "nobody knows"
    LATER = "later"
    SENDER = "sender"
    OURSELVES = "ourselves"
    RESTRICTED = "restricted"
    MAILBOX = "mailbox"
    RECIPIENT = "recipient"
    MAIL = "mail"


class Opens(StrEnum):
    """Which breaker a refusal counts at.

    SENDER: that of its domain. PAIR: that of its domain and the recipient's, and that of its
    domain where several of the recipients' say the same.
    """

    SENDER = "sender"
    PAIR = "pair"


class Rule(Struct, frozen=True):
    """Blame where all that is given holds.

    `codes`, `enhanced`: whole; "" where there is none. `words`: anywhere but in addresses.
    """

    blame: Blame
    phases: frozenset[Phase] = frozenset(Phase)
    codes: Pattern[str] = re.compile(".*")
    enhanced: Pattern[str] = re.compile(".*")
    words: Pattern[str] = re.compile("")

    def holds(self, error: SendError) -> bool:
        """Whether this is such a refusal."""
        return (
            error.phase in self.phases
            and self.codes.fullmatch(str(error.code or "")) is not None
            and self.enhanced.fullmatch(error.enhanced or "") is not None
            and self.words.search(error.words) is not None
        )


#: Before these are passed nothing was said about a mail: the fault is the server's or ours.
_OF_CONNECTION: Final = frozenset(
    {Phase.CONNECT, Phase.GREETING, Phase.HELLO, Phase.TLS, Phase.AUTH}
)
_SENDER: Final = re.compile(r"\bsender\b|\bmail from\b|\breturn[- ]path\b", re.IGNORECASE)
#: What filters and relays say of us who give no enhanced code: lists, proofs, rights, limits.
_US: Final = re.compile(
    r"\b(?:spf|dkim|dmarc|dnsbl|rbl|spamhaus|spamcop|barracuda|sorbs|ptr)\b"
    r"|\b(?:black|block|deny)[- ]?list|\bblocked using\b|\breputation\b|\breverse dns\b"
    r"|\brelay(?:ing)?\b.*\b(?:denied|not permitted|prohibited)\b"
    r"|\bunable to relay\b|\bnot authori[sz]ed\b|\bnot verified\b|\baccess denied\b"
    r"|\bsending (?:is )?paused\b|\b(?:rate|quota|limit) exceeded\b|\btoo many\b",
    re.IGNORECASE,
)

#: The first that holds counts; the last holds always.
RULES: Final = (
    Rule(Blame.SERVER, phases=_OF_CONNECTION),
    # Authentication is required, too weak, failed, or needs encryption (RFC 4954, 6).
    Rule(Blame.SERVER, codes=re.compile("530|534|535|538")),
    # From the content on the server may have taken it, until it says no (RFC 5321, 4.2.5 and 6.1).
    Rule(Blame.NOBODY_KNOWS, phases=frozenset({Phase.CONTENT}), codes=re.compile("|[1-3]..")),
    # Full for the moment, as most full mailboxes say; x.2.0 and x.2.1 are of greylists and rates.
    Rule(Blame.MAILBOX, codes=re.compile("4.."), enhanced=re.compile(r"[245]\.2\.2")),
    # The digit of the code goes before an enhanced one that says otherwise (RFC 5321, 4.2.1).
    Rule(Blame.LATER, codes=re.compile("|[1-4]..")),
    # MAIL speaks of nobody but the sender.
    Rule(Blame.SENDER, phases=frozenset({Phase.MAIL})),
    # Its address (x.1.7, x.1.8); x.4.5 and x.1.90 are how hosts say "daily limit".
    Rule(Blame.SENDER, enhanced=re.compile(r"[245]\.(1\.([78]|90)|4\.5)")),
    # Groups and mailboxes of Exchange that take mail of their own house, or of a list.
    Rule(Blame.RESTRICTED, enhanced=re.compile(r"[245]\.7\.(124|13[3-6])")),
    # Rights and proofs (x.7, RFC 7372), the system (x.3).
    Rule(Blame.OURSELVES, enhanced=re.compile(r"[245]\.(3|7)\.\d+")),
    # Servers write x.1.0 and x.1.1 of a sender, too; its words tell.
    Rule(Blame.SENDER, enhanced=re.compile(r"|[245]\.1\.\d+"), words=_SENDER),
    Rule(Blame.OURSELVES, enhanced=re.compile(""), words=_US),
    # Disabled, full, or closed for the moment (RFC 3463, 3.3).
    Rule(Blame.MAILBOX, enhanced=re.compile(r"[245]\.2\.\d+")),
    # Of x.1, those that speak of the recipient (RFC 3463, 3.2); x.1.10 is a null MX (RFC 7505).
    Rule(Blame.RECIPIENT, enhanced=re.compile(r"5\.1\.([0-6]|10)")),
    Rule(Blame.MAIL),
)


class Outcome(Struct, frozen=True):
    """The edge that is taken, and what follows.

    `suppress`: the address is never written to again. `rest`: nothing is begun for a while,
    whoever it is for. `at_last`: the time that was waited counts towards patience, and this is
    taken when there is none left. `opens`: the breaker at which it counts. `full`: of an address
    that says so at last, visit after visit, nothing is expected any more.
    """

    edge: Edge
    suppress: bool = False
    rest: bool = False
    at_last: Edge | None = None
    opens: Opens | None = None
    full: bool = False


#: What is done while there is patience; of doubts, where no copy went before.
_OUTCOMES: Final = {
    Blame.SERVER: Outcome(GIVE_BACK, rest=True),
    Blame.NOBODY_KNOWS: Outcome(RESEND),
    Blame.LATER: Outcome(PUT_OFF, at_last=EXPIRE),
    Blame.SENDER: Outcome(PUT_OFF, at_last=REFUSE, opens=Opens.SENDER),
    Blame.OURSELVES: Outcome(PUT_OFF, at_last=REFUSE, opens=Opens.PAIR),
    Blame.RESTRICTED: Outcome(PUT_OFF, at_last=REFUSE),
    Blame.MAILBOX: Outcome(PUT_OFF, at_last=EXPIRE, full=True),
    Blame.RECIPIENT: Outcome(FAIL, suppress=True),
    Blame.MAIL: Outcome(FAIL),
}


def blame_of(error: SendError) -> Blame:
    """Whom `error` concerns."""
    return next(rule.blame for rule in RULES if rule.holds(error))


def first_outcome(error: SendError) -> Outcome:
    """What is done about `error` at the first attempt."""
    return _OUTCOMES[blame_of(error)]


def outcome_of(error: SendError, *, resent: bool, hold: bool, patient: bool) -> Outcome:
    """What is done about `error` now.

    `resent`: a copy may have gone before. `hold`: in doubt the account wants an operator to
    decide. `patient`: the time for retries is not over.
    """
    found = first_outcome(error)
    if found.edge is RESEND:
        return structs.replace(found, edge=when_in_doubt(resent=resent, hold=hold))
    if found.at_last is not None and not patient:
        return structs.replace(found, edge=found.at_last)
    return found


def when_in_doubt(*, resent: bool, hold: bool) -> Edge:
    """One resend after a rest, or an operator decides; after the resend, nothing more."""
    if hold:
        return DOUBT
    return STOP if resent else RESEND
