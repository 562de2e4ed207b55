"""The tables of `words` in one language, as the templates use them."""

from collections.abc import Callable, Mapping

from server.web import words


class Words:
    """The tables above in one language, by its `gettext`."""

    def __init__(self, gettext: Callable[[str], str]) -> None:
        self._gettext = gettext

    def _in(self, table: Mapping[str, str], code: str) -> str:
        return self._gettext(table[code]) if code in table else code

    def place(self, name: str) -> str:
        """An entry of the navigation."""
        return self._in(words.PLACES, name)

    def role(self, role: str) -> str:
        """What a user is."""
        return self._in(words.ROLES, role)

    def campaign(self, status: str) -> str:
        """Where a campaign is in its life."""
        return self._in(words.CAMPAIGN, status)

    def address(self, field: str) -> str:
        """Where an address is taken from."""
        return self._in(words.ADDRESSES, field)

    def survey(self, code: str) -> str:
        """What became of a survey, shortly."""
        return self._gettext(words.SURVEY[code][0])

    def tone(self, code: str) -> str:
        """How good that is."""
        return words.SURVEY[code][1]

    def picture(self, code: str) -> str:
        """The icon beside it."""
        return words.SURVEY[code][2]

    def no_answer(self, code: str) -> str:
        """Why there is no result yet."""
        return self._in(words.NO_ANSWER, code)

    def short_reason(self, code: str) -> str:
        """Why nobody was asked, for a list."""
        return self._gettext(words.REASONS[code][0]) if code in words.REASONS else code

    def reason(self, code: str) -> str:
        """Why nobody was asked, as a sentence."""
        return self._gettext(words.REASONS[code][1]) if code in words.REASONS else code

    def decision(self, outcome: str) -> str:
        """What a campaign decided on a transition."""
        if outcome == "scheduled":
            return self._gettext(words.DECIDED)
        return self._gettext(words.NOT_SENT) % {"why": _lower(self.reason(outcome))}

    def mail(self, kind: str) -> str:
        """What happened to a mail."""
        return self._gettext(words.MAIL[kind][0]) if kind in words.MAIL else kind

    def detail(self, detail: str) -> str:
        """More on an event: a reason in words, or what the mail server said."""
        return self.reason(detail)

    def look(self, kind: str, code: str) -> tuple[str, str]:
        """Tone and icon of an entry of the timeline."""
        if kind == "mail":
            return words.MAIL[code][1:] if code in words.MAIL else ("neutral", "mail")
        return words.LOOKS.get((kind, code)) or words.LOOKS[kind, ""]

    def answer(self, version: int) -> str:
        """That the customer answered, for the first time or anew."""
        return self._gettext(words.FIRST_ANSWER if version == 1 else words.NEXT_ANSWER)

    def verdict(self, verdict: str) -> str:
        """What was answered for a transition that was not accepted."""
        return self._in(words.VERDICTS, verdict)

    def refusal(self, reason: str | None) -> str:
        """Why it was refused."""
        return self._in(words.REFUSALS, reason or "")

    def refusal_meaning(self, obstacle: str) -> str:
        """What to do about it."""
        return self._in(words.REFUSAL_MEANINGS, obstacle)

    def login(self, problem: str) -> str:
        """Why nobody is signed in."""
        return self._in(words.LOGIN, problem)

    def answer_problem(self, field: str) -> str:
        """What keeps an answer from being recorded."""
        return self._in(words.ANSWER_PROBLEMS, field)

    def move_problem(self, field: str) -> str:
        """What keeps a step of the dispatcher from being saved."""
        return self._in(words.MOVE_PROBLEMS, field)

    def error_title(self, status: int, code: str) -> str:
        """What a failed request met."""
        return self._gettext(_error(status, code)[0])

    def error_text(self, status: int, code: str) -> str:
        """What was kept and what to do."""
        return self._gettext(_error(status, code)[1])


def _error(status: int, code: str) -> tuple[str, str]:
    general = words.ERRORS[500 if status >= 500 else 400]
    return words.ERRORS.get(code) or words.ERRORS.get(status, general)


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]
