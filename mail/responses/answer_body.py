"""What a customer said, whatever was asked: each version of an answer is kept as one body."""

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

import msgspec
from msgspec import Struct

#: Kinds of questions; of the last two nobody chooses a value.
Kind: TypeAlias = Literal["thumbs", "stars", "effort", "nps", "choice", "text"]

#: By what the leading question goes.
LEAD: Final = "lead"


class Value(Struct, frozen=True, kw_only=True):
    """What was said to one question.

    `value`: on its scale; None where none was chosen. `choices`: codes of the campaign, of a rating
    the reasons for it. `text`: of a rating the comment on it; empty for none.
    """

    kind: Kind
    value: int | None
    choices: list[str]
    text: str


class Body(Struct, frozen=True, kw_only=True):
    """All that was said at once. `values`: by what questions go by; the leading one is there."""

    values: Mapping[str, Value]
    not_me: bool
    call_back: bool
    language: str

    @property
    def lead(self) -> Value:
        """What was said to the leading question."""
        return self.values[LEAD]


#: Read and write what is stored of a version.
decode_body: Final = msgspec.json.Decoder(Body).decode
encode_body: Final = msgspec.json.Encoder().encode
