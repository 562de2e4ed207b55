"""How a campaign's version is stored, and how what was stored before is read.

A version never changes, so it stays in the format in which it was written, and reading brings it to
today's. `format_`: what `campaign_version.format` says.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias, TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import asdict

from mail.campaigns.definition import Content, Definition, Question, Rules

#: What is written today.
FORMAT: Final = 2

#: Makes of a document one of the next format.
Change: TypeAlias = Callable[[dict[str, Any]], dict[str, Any]]
Part = TypeVar("Part", bound=Struct)


class LaterFormatError(RuntimeError):
    """A later version of Retour wrote it: this one would misread it."""


class Stored(Struct, frozen=True):
    """A version as it is written: two JSON texts and their format."""

    rules: str
    content: str
    format: int


def _with_lead(content: dict[str, Any]) -> dict[str, Any]:
    """Format 1 told beside its question what is negative, and why; four stars were positive."""
    lead = {"positive_at": 4, **content["question"]}
    lead |= {name: content[name] for name in ("negative_at", "reasons") if name in content}
    others = ("message", "information", "privacy_url")
    return {"lead": lead, **{name: content[name] for name in others if name in content}}


def _reading(kind: type[Part], changes: Mapping[int, Change]) -> Callable[[str, int], Part]:
    """Read documents of any format. `changes`: what brings one of a format to the next."""
    decoder = msgspec.json.Decoder(kind)

    def read(text: str, format_: int) -> Part:
        """:raises LaterFormatError: it is newer than this code."""
        if format_ > FORMAT:
            why = (
                f"format {format_} of a campaign is later than ours, {FORMAT}: upgrade this process"
            )
            raise LaterFormatError(why)
        outstanding = [changes[one] for one in range(format_, FORMAT) if one in changes]
        if not outstanding:
            return decoder.decode(text)
        document = msgspec.json.decode(text)
        for change in outstanding:
            document = change(document)
        return msgspec.convert(document, kind)

    return read


#: Read what is stored of a version: its text, its format.
decode_rules: Final = _reading(Rules, {})
decode_content: Final = _reading(Content, {1: _with_lead})
_write: Final = msgspec.json.Encoder().encode


def join(rules: str, content: str, format_: int) -> Definition:
    """Read both stored parts of a version."""
    said = decode_content(content, format_)
    lead = {name: getattr(said.lead, name) for name in Question.__struct_fields__}
    return Definition(
        **asdict(decode_rules(rules, format_)),
        question=Question(**lead),
        negative_at=said.lead.negative_at,
        reasons=said.lead.reasons,
        message=said.message,
        information=said.information,
        privacy_url=said.privacy_url,
    )


def split(definition: Definition) -> Stored:
    """Write `definition` as it is stored."""
    rules = Rules(**{name: getattr(definition, name) for name in Rules.__struct_fields__})
    return Stored(_write(rules).decode(), _write(definition.content).decode(), FORMAT)
