"""What becomes of a mail that was not accepted: one table, from the server's reply to an edge.

Whom a refusal concerns follows from its code and words, not from the phase: servers refuse senders
and recipients also after the content (RFC 5321, 4.2; RFC 3463).
"""

import re
from enum import StrEnum
from re import Pattern
from typing import Final

from msgspec import Struct, structs

from mail.smtp.replies import Phase, SendError
from mail.states import EXPIRE, FAIL, GIVE_BACK, HOLD_IN_DOUBT, PUT_OFF, REFUSE, RESEND, STOP, Edge


class Blame(StrEnum):
    """Whom it concerns that a mail was not accepted.

    SERVER: no mail can be sent now, whoever the recipient. UNKNOWN: the content was sent and
    no reply came. LATER: the server asks for another try. SENDER: its address or its limit,
    whoever the recipient. OURSELVES: our rights and proofs, as the recipient's server sees them.
    RESTRICTED: the recipient accepts mail of some senders only. MAILBOX: it exists and accepts
    nothing now. RECIPIENT: no such mailbox exists. MAIL: this mail, as far as we can tell.
    """

    SERVER = "server"
    UNKNOWN = "unknown"
    LATER = "later"
    SENDER = "sender"
    OURSELVES = "ourselves"
    RESTRICTED = "restricted"
    MAILBOX = "mailbox"
    RECIPIENT = "recipient"
    MAIL = "mail"


class Opens(StrEnum):
    """Which breaker a refusal counts for.

    SENDER: that of the sender's domain. PAIR: that of the sender's and the recipient's domain, and
    that of the sender's once several recipients' domains refuse.
    """

    SENDER = "sender"
    PAIR = "pair"


class Rule(Struct, frozen=True):
    """Blame for refusals of which everything that is given here holds.

    `codes`, `enhanced`: match the whole code, "" where there is none. `words`: occurs in the text,
    outside of addresses.
    """

    blame: Blame
    phases: frozenset[Phase] = frozenset(Phase)
    codes: Pattern[str] = re.compile(".*")
    enhanced: Pattern[str] = re.compile(".*")
    words: Pattern[str] = re.compile("")

    def applies(self, error: SendError) -> bool:
        """Whether `error` is such a refusal."""
        return (
            error.phase in self.phases
            and self.codes.fullmatch(str(error.code or "")) is not None
            and self.enhanced.fullmatch(error.enhanced or "") is not None
            and self.words.search(error.words) is not None
        )


#: In these phases nothing was said about a mail yet: the fault is the server's or ours.
_OF_CONNECTION: Final = frozenset(
    {Phase.CONNECT, Phase.GREETING, Phase.HELLO, Phase.TLS, Phase.AUTH}
)
_SENDER: Final = re.compile(r"\bsender\b|\bmail from\b|\breturn[- ]path\b", re.IGNORECASE)
#: Words of filters and relays without enhanced codes about us: lists, proofs, rights, limits.
_US: Final = re.compile(
    r"\b(?:spf|dkim|dmarc|dnsbl|rbl|spamhaus|spamcop|barracuda|sorbs|ptr)\b"
    r"|\b(?:black|block|deny)[- ]?list|\bblocked using\b|\breputation\b|\breverse dns\b"
    r"|\brelay(?:ing)?\b.*\b(?:denied|not permitted|prohibited)\b"
    r"|\bunable to relay\b|\bnot authori[sz]ed\b|\bnot verified\b|\baccess denied\b"
    r"|\bsending (?:is )?paused\b|\b(?:rate|quota|limit) exceeded\b|\btoo many\b",
    re.IGNORECASE,
)

#: The first rule that holds decides; the last one always holds.
RULES: Final = (
    Rule(Blame.SERVER, phases=_OF_CONNECTION),
    # Authentication is required, too weak, failed, or needs encryption (RFC 4954, 6).
    Rule(Blame.SERVER, codes=re.compile("530|534|535|538")),
    # Once the content was sent the mail may be accepted, until a refusal (RFC 5321, 4.2.5 and 6.1).
    Rule(Blame.UNKNOWN, phases=frozenset({Phase.CONTENT}), codes=re.compile("|[1-3]..")),
    # Full for now, as most full mailboxes reply; x.2.0 and x.2.1 are of greylists and rate limits.
    Rule(Blame.MAILBOX, codes=re.compile("4.."), enhanced=re.compile(r"[245]\.2\.2")),
    # The code overrules an enhanced one that contradicts it (RFC 5321, 4.2.1).
    Rule(Blame.LATER, codes=re.compile("|[1-4]..")),
    # A refused MAIL concerns the sender alone.
    Rule(Blame.SENDER, phases=frozenset({Phase.MAIL})),
    # Its address (x.1.7, x.1.8); hosts use x.4.5 and x.1.90 for daily limits.
    Rule(Blame.SENDER, enhanced=re.compile(r"[245]\.(1\.([78]|90)|4\.5)")),
    # Groups and mailboxes of Exchange that accept internal mail only, or mail of a list.
    Rule(Blame.RESTRICTED, enhanced=re.compile(r"[245]\.7\.(124|13[3-6])")),
    # Rights and proofs (x.7, RFC 7372), the system (x.3).
    Rule(Blame.OURSELVES, enhanced=re.compile(r"[245]\.(3|7)\.\d+")),
    # Servers use x.1.0 and x.1.1 for senders, too; the text tells them apart.
    Rule(Blame.SENDER, enhanced=re.compile(r"|[245]\.1\.\d+"), words=_SENDER),
    Rule(Blame.OURSELVES, enhanced=re.compile(""), words=_US),
    # Disabled, full, or unavailable for now (RFC 3463, 3.3).
    Rule(Blame.MAILBOX, enhanced=re.compile(r"[245]\.2\.\d+")),
    # Of x.1, those about the recipient (RFC 3463, 3.2); x.1.10 is a null MX (RFC 7505).
    Rule(Blame.RECIPIENT, enhanced=re.compile(r"5\.1\.([0-6]|10)")),
    Rule(Blame.MAIL),
)


class Outcome(Struct, frozen=True):
    """The edge that a mail takes, and what else follows.

    `suppress`: nothing is sent to the address any more. `pause`: no mail is tried for a while,
    whoever the recipient. `when_expired`: the edge instead of `edge` after the retry window.
    `opens`: the breaker that the refusal counts for. `full`: the mailbox is full, which
    suppresses the address once it repeats visit after visit.
    """

    edge: Edge
    suppress: bool = False
    pause: bool = False
    when_expired: Edge | None = None
    opens: Opens | None = None
    full: bool = False


#: Within the retry window; of doubts, without an earlier copy.
_OUTCOMES: Final = {
    Blame.SERVER: Outcome(GIVE_BACK, pause=True),
    Blame.UNKNOWN: Outcome(RESEND),
    Blame.LATER: Outcome(PUT_OFF, when_expired=EXPIRE),
    Blame.SENDER: Outcome(PUT_OFF, when_expired=REFUSE, opens=Opens.SENDER),
    Blame.OURSELVES: Outcome(PUT_OFF, when_expired=REFUSE, opens=Opens.PAIR),
    Blame.RESTRICTED: Outcome(PUT_OFF, when_expired=REFUSE),
    Blame.MAILBOX: Outcome(PUT_OFF, when_expired=EXPIRE, full=True),
    Blame.RECIPIENT: Outcome(FAIL, suppress=True),
    Blame.MAIL: Outcome(FAIL),
}


def blame_of(error: SendError) -> Blame:
    """Return whom `error` concerns."""
    return next(rule.blame for rule in RULES if rule.applies(error))


def first_outcome(error: SendError) -> Outcome:
    """Return the outcome of `error` at a first attempt."""
    return _OUTCOMES[blame_of(error)]


def outcome_of(error: SendError, *, resent: bool, hold: bool, expired: bool) -> Outcome:
    """Return the outcome of `error`.

    `resent`: an earlier copy may have been delivered. `hold`: the account has mails in doubt held.
    `expired`: the retry window is over.
    """
    outcome = first_outcome(error)
    if outcome.edge is RESEND:
        return structs.replace(outcome, edge=edge_in_doubt(resent=resent, hold=hold))
    if outcome.when_expired is not None and expired:
        return structs.replace(outcome, edge=outcome.when_expired)
    return outcome


def edge_in_doubt(*, resent: bool, hold: bool) -> Edge:
    """Return the edge of a mail in doubt: it is held, or resent once after a delay."""
    if hold:
        return HOLD_IN_DOUBT
    return STOP if resent else RESEND
