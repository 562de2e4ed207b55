"""M9: what mail servers really say, and what becomes of the mail, the address and the server."""

from pathlib import Path
from typing import Final

import pytest

from mail.delivery.outcomes import RULES, Blame, outcome_of
from mail.smtp.replies import Phase, Reply, SendError
from mail.states import PUT_OFF

#: Where it was said, what was said (lines by "|"), and what follows: the edge and what else.
REPLIES: Final = Path(__file__).with_name("replies.txt")


class Said(str):
    """A line of that file."""

    @property
    def error(self) -> SendError:
        """The refusal that our client makes of it."""
        place, _, reply = self.partition(" -> ")[0].partition(" ")
        lines = reply.strip().split("|")
        return Reply(int(lines[-1][:3]), [line[4:] for line in lines]).error(Phase[place])

    @property
    def follows(self) -> str:
        """What is to come of it."""
        return self.rpartition(" -> ")[2]


ALL: Final = [
    Said(line)
    for line in REPLIES.read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]


def described(
    error: SendError, *, resent: bool = False, hold: bool = False, expired: bool = False
) -> str:
    """What follows `error`, in words."""
    found = outcome_of(error, resent=resent, hold=hold, expired=expired)
    words = [found.edge.name, *filter(None, [found.opens])]
    words += [name for name in ("suppress", "pause", "full") if getattr(found, name)]
    if found.edge is PUT_OFF and found.when_expired:
        words += ["then", found.when_expired.name]
    return " ".join(words)


@pytest.mark.parametrize("said", ALL)
def test_what_a_server_says_has_one_outcome(said: Said) -> None:
    assert described(said.error) == said.follows


def test_the_replies_are_many_and_each_is_there_once() -> None:
    assert len(ALL) == len(set(ALL)) >= 90


@pytest.mark.parametrize("said", ALL)
def test_what_may_be_put_right_expires_at_last_and_suppresses_nobody(said: Said) -> None:
    begun, _, at_last = said.follows.partition(" then ")
    assert described(said.error, expired=True) == begun.replace("put_off", at_last)


@pytest.mark.parametrize("said", ALL)
def test_only_a_doubt_asks_what_went_before(said: Said) -> None:
    ends = [described(said.error, resent=resent, hold=hold)
            for resent, hold in ((True, False), (False, True), (True, True))]  # fmt: skip
    assert ends == (
        ["stop", "hold_in_doubt", "hold_in_doubt"]
        if said.follows == "resend"
        else [said.follows] * 3
    )


@pytest.mark.parametrize("phase", Phase)
def test_silence_is_a_doubt_only_once_the_content_is_on_its_way(phase: Phase) -> None:
    offered = phase in (Phase.MAIL, Phase.RCPT, Phase.DATA)
    begun = "put_off then expire" if offered else "give_back pause"
    assert described(SendError(phase, "no reply")) == (
        "resend" if phase is Phase.CONTENT else begun
    )


def test_every_rule_decides_some_of_them() -> None:
    deciding = {next(rule for rule in RULES if rule.applies(said.error)).blame for said in ALL}
    places = {next(at for at, rule in enumerate(RULES) if rule.applies(said.error)) for said in ALL}
    assert deciding == set(Blame)
    assert places == set(range(len(RULES)))
