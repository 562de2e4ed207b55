"""How the versions of campaigns are stored, and read in whatever format they were written.

A version never changes, so it stays in the format in which it was written; reading converts it to
the current one. `format_`: the column `campaign_version.format`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias, TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import asdict, replace

from mail.campaigns.definition import Content, Definition, Rules
from mail.campaigns.questions import FromBank, FurtherQuestion, Question

#: The format that is written.
FORMAT: Final = 5

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
    lead, bank = decoded.lead, decoded.from_bank
    return Definition(
        **asdict(decode_rules(rules, format_)),
        question=_part(Question, lead),
        negative_at=lead.negative_at,
        positive_at=lead.positive_at,
        reasons=lead.reasons,
        comment_required_at=lead.comment_required_at,
        further=decoded.further,
        from_bank=None if bank is None else _part(FromBank, bank),
        measure_nps=decoded.measure_nps,
        message=decoded.message,
        information=decoded.information,
        privacy_url=decoded.privacy_url,
        page=decoded.page,
    )


def split(definition: Definition, bank: Sequence[FurtherQuestion] = ()) -> Stored:
    """Return `definition` in the form in which it is stored.

    `bank`: the questions that it takes from the bank, to be copied.
    """
    content = definition.content
    if content.from_bank is not None:
        content = replace(content, from_bank=replace(content.from_bank, questions=list(bank)))
    rules = _part(Rules, definition)
    return Stored(_write(rules).decode(), _write(content).decode(), FORMAT)


def _part(kind: type[Part], whole: Struct) -> Part:
    """Return the fields that `kind` has of a struct that has more."""
    return kind(**{name: getattr(whole, name) for name in kind.__struct_fields__})
