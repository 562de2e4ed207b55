"""The document of an answer, in which each of its versions is stored."""

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

import msgspec
from msgspec import Struct

#: Kinds of questions; the last two have no value.
QuestionKind: TypeAlias = Literal["thumbs", "stars", "effort", "nps", "choice", "text"]

#: The key of the leading question.
LEAD: Final = "lead"


class Value(Struct, frozen=True, kw_only=True):
    """The answer to one question.

    `value`: on its scale; None if none was chosen. `choices`: codes of the campaign; for a rating
    the reasons. `text`: for a rating the comment; empty if there is none.
    """

    kind: QuestionKind
    value: int | None
    choices: list[str]
    text: str


class Body(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A version of an answer. `values`: by the keys of questions, at least the leading one.

    `phone`: where to call back, as typed; empty where no call is asked for.
    """

    values: Mapping[str, Value]
    not_me: bool
    call_back: bool
    language: str
    phone: str = ""

    @property
    def lead(self) -> Value:
        """The answer to the leading question."""
        return self.values[LEAD]


#: Decode and encode the stored document of a version.
decode_body: Final = msgspec.json.Decoder(Body).decode
encode_body: Final = msgspec.json.Encoder().encode
