"""The OpenAPI document in the form of its page: groups of routes, and the types they use."""

import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any, Final

from msgspec import Struct

Schema = dict[str, Any]
_QUOTED: Final = re.compile('"([^"]*)"')


class Span(Struct, frozen=True):
    """A part of a text. `code`: it was between backticks."""

    text: str
    code: bool


class Row(Struct, frozen=True):
    """A parameter or a field: its name, its type in words, and whether it is required."""

    name: str
    type: str
    needed: bool


class Answer(Struct, frozen=True):
    """A status, its meaning, and the type of its body (empty for none)."""

    status: str
    meaning: list[Span]
    type: str


class RouteShown(Struct, frozen=True, kw_only=True):
    """One operation. `access`: names of the security schemes that it accepts."""

    name: str
    method: str
    path: str
    summary: list[Span]
    text: list[Span]
    access: list[str]
    parameters: list[Row]
    body: str
    answers: list[Answer]


class Group(Struct, frozen=True):
    """Routes whose paths begin alike."""

    name: str
    routes: list[RouteShown]


class Shape(Struct, frozen=True):
    """A type of bodies and answers, or of their parts."""

    name: str
    description: list[Span]
    fields: list[Row]


class Reference(Struct, frozen=True):
    """The content of the page."""

    introduction: list[list[Span]]
    groups: list[Group]
    shapes: list[Shape]


def manual(document: Schema, introduction: Iterable[str]) -> Reference:
    """The page of `document`. `introduction`: its paragraphs in the reader's language."""
    by_subject = groupby(
        _routes(document["paths"]), lambda shown: shown.path.removeprefix("/api/v1").split("/")[1]
    )
    groups = [Group(name, list(routes)) for name, routes in by_subject]
    shapes = []
    for name, schema in sorted(document["components"]["schemas"].items()):
        if "properties" in schema:
            required = schema.get("required", [])
            fields = [
                Row(field, type_text(kind), field in required)
                for field, kind in schema["properties"].items()
            ]
            shapes.append(Shape(name, spans(schema.get("description", "")), fields))
    return Reference([spans(text) for text in introduction], groups, shapes)


def spans(text: str) -> list[Span]:
    """`text`, split at its backticks; apostrophes and quotation marks of prose are curved."""
    split = []
    for place, part in enumerate(text.split("`")):
        prose = _QUOTED.sub("\u201c\\1\u201d", part.replace("'", "\u2019"))
        split.append(Span(part, code=True) if place % 2 else Span(prose, code=False))
    return [span for span in split if span.text]


def _routes(paths: Schema) -> Iterator[RouteShown]:
    for path, methods in paths.items():
        for method, operation in methods.items():
            yield RouteShown(
                name=operation["operationId"],
                method=method.upper(),
                path=path,
                summary=spans(operation["summary"]),
                text=spans(operation.get("description", "")),
                access=[name for scheme in operation["security"] for name in scheme],
                parameters=[
                    Row(item["name"], type_text(item["schema"]), item["required"])
                    for item in operation["parameters"]
                ],
                body=_content(operation.get("requestBody", {})),
                answers=[
                    Answer(status, spans(response["description"]), _content(response))
                    for status, response in operation["responses"].items()
                ],
            )


def _content(owner: Schema) -> str:
    """The type of a request's or a response's body, which is the same in every format."""
    schemas = [content["schema"] for content in owner.get("content", {}).values()]
    return type_text(schemas[0]) if schemas else ""


def type_text(schema: Schema) -> str:
    """A schema in words: `uuid or null`, `list of Item`, `"stars"`."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return " or ".join(type_text(choice) for choice in schema[key])
    if "enum" in schema:
        return " or ".join(f"\u201c{value}\u201d" for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {type_text(schema.get('items', {}))}"
    if "additionalProperties" in schema:
        return f"map to {type_text(schema['additionalProperties'])}"
    return str(schema.get("format") or schema.get("const") or schema.get("type", "anything"))
