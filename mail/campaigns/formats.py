"""How versions of campaigns are stored, and how those of earlier formats are read.

A version never changes, so it stays in the format in which it was written; reading converts it to
the current one. `format_`: the column `campaign_version.format`.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias, TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import asdict

from mail.campaigns.definition import Content, Definition, Question, Rules

#: The format that is written.
FORMAT: Final = 2

#: Converts a document to the next format.
Change: TypeAlias = Callable[[dict[str, Any]], dict[str, Any]]
Part = TypeVar("Part", bound=Struct)


class LaterFormatError(RuntimeError):
    """A document was written by a later release of Retour, which this one would misread."""


class Stored(Struct, frozen=True):
    """A version as it is stored: two JSON documents and their format."""

    rules: str
    content: str
    format: int


def _with_lead(content: dict[str, Any]) -> dict[str, Any]:
    """Convert content of format 1, which had threshold and reasons beside its question.

    A rating of 4 was positive.
    """
    lead = {"positive_at": 4, **content["question"]}
    lead |= {name: content[name] for name in ("negative_at", "reasons") if name in content}
    others = ("message", "information", "privacy_url")
    return {"lead": lead, **{name: content[name] for name in others if name in content}}


def _reading(kind: type[Part], changes: Mapping[int, Change]) -> Callable[[str, int], Part]:
    """Return a reader of documents of any format.

    `changes`: by format, the conversion to the next one.
    """
    decoder = msgspec.json.Decoder(kind)

    def read(text: str, format_: int) -> Part:
        """:raises LaterFormatError: the format is newer than this code."""
        if format_ > FORMAT:
            raise LaterFormatError(
                f"format {format_} of a campaign is later than ours, {FORMAT}: upgrade this process"
            )
        outstanding = [changes[step] for step in range(format_, FORMAT) if step in changes]
        if not outstanding:
            return decoder.decode(text)
        document = msgspec.json.decode(text)
        for change in outstanding:
            document = change(document)
        return msgspec.convert(document, kind)

    return read


#: Decode the stored parts of a version, given text and format.
decode_rules: Final = _reading(Rules, {})
decode_content: Final = _reading(Content, {1: _with_lead})
_write: Final = msgspec.json.Encoder().encode


def join(rules: str, content: str, format_: int) -> Definition:
    """Return the definition whose stored parts are these."""
    decoded = decode_content(content, format_)
    lead = {name: getattr(decoded.lead, name) for name in Question.__struct_fields__}
    return Definition(
        **asdict(decode_rules(rules, format_)),
        question=Question(**lead),
        negative_at=decoded.lead.negative_at,
        reasons=decoded.lead.reasons,
        message=decoded.message,
        information=decoded.information,
        privacy_url=decoded.privacy_url,
    )


def split(definition: Definition) -> Stored:
    """Return `definition` in the form in which it is stored."""
    rules = Rules(**{name: getattr(definition, name) for name in Rules.__struct_fields__})
    return Stored(_write(rules).decode(), _write(definition.content).decode(), FORMAT)
