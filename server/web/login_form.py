"""The login form as it is shown: empty, after a refusal, or after a session ended."""

from typing import Final

import msgspec

HOME: Final = "/tasks"


class LoginForm(msgspec.Struct, frozen=True):
    """All that was typed except the password. `problem`: a key of `error_words.LOGIN`, or empty.

    `next`: where signing in leads. `kept`: the form that was sent without a session, as text.
    """

    email: str = ""
    next: str = HOME
    problem: str = ""
    kept: str = ""
