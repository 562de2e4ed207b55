"""SVG images: cleaned of all that runs, refers elsewhere or costs much to draw."""

import re
from typing import Final
from xml.parsers import expat

import py_svg_hush

from mail.assets.flaws import Flaw, ImageError

#: Elements inside each other, and in all.
DEEPEST: Final = 32
MOST_ELEMENTS: Final = 2000
#: Times that elements are drawn again or clipped; within one another these multiply.
MOST_REPEATS: Final = 16

NAMESPACE: Final = "http://www.w3.org/2000/svg"
#: Elements of a drawing that stands still.
_DRAWING: Final = frozenset(
    {"svg", "g", "defs", "symbol", "use", "title", "desc", "style", "text", "tspan"}
    | {"path", "rect", "circle", "ellipse", "line", "polyline", "polygon"}
    | {"linearGradient", "radialGradient", "stop", "clipPath"}
)
#: Removed with all they contain, as are elements of editors' own namespaces.
_REMOVED: Final = frozenset({"script", "metadata"})
#: A reference of a style to anything but an element of the same image.
_REFERENCE: Final = re.compile(
    r"url\s*\(\s*(?![\"']?#[\w.-]+[\"']?\s*\))|image(-set)?\s*\(", re.IGNORECASE
)
#: What loads or hides something in a style.
_ACTIVE_STYLE: Final = re.compile(r"[@\\]|expression\s*\(|javascript:", re.IGNORECASE)


def clean_svg(raw: bytes) -> bytes:
    """Return the drawing of `raw` without scripts, event handlers, comments and metadata.

    :raises ImageError: it is not an SVG in UTF-8; has a document type, a reference to elsewhere, or
        an element that no still drawing needs; or is nested too deep or repeats too often.
    """
    _Inspection(_text_of(raw), is_cleaned=False)
    try:
        cleaned: bytes = py_svg_hush.filter_svg(raw)
    except ValueError:
        raise ImageError(Flaw.BROKEN) from None
    _Inspection(cleaned.decode(), is_cleaned=True)
    return cleaned


def _text_of(raw: bytes) -> str:
    try:
        if b"\0" not in raw:
            return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    is_markup = b"<" in raw[:8]
    raise ImageError(Flaw.NOT_UTF8 if is_markup else Flaw.NOT_AN_IMAGE)


class _Inspection:
    """Reads an SVG from its start to its end without building it.

    `is_cleaned`: nothing may be in it that cleaning removes.
    """

    def __init__(self, text: str, *, is_cleaned: bool) -> None:
        """:raises ImageError: as `clean_svg`."""
        self.is_cleaned = is_cleaned
        self.depth = self.elements = self.repeats = 0
        #: The depth of the element that cleaning removes with all it contains; 0: none.
        self.removed_at = 0
        self.texts: list[str] = []
        parser = expat.ParserCreate(encoding="utf-8", namespace_separator=" ")
        parser.XmlDeclHandler = self._declaration
        parser.StartDoctypeDeclHandler = self._document_type
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self.texts.append
        try:
            parser.Parse(text, True)
        except expat.ExpatError:
            raise ImageError(Flaw.BROKEN if self.elements else Flaw.NOT_AN_IMAGE) from None

    def _declaration(self, _: str, encoding: str | None, __: int) -> None:
        if encoding is not None and encoding.lower() not in ("utf-8", "us-ascii"):
            raise ImageError(Flaw.NOT_UTF8)

    def _document_type(self, *_: object) -> None:
        raise ImageError(Flaw.DOCUMENT_TYPE)

    def _start(self, element: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        self.elements += 1
        if self.depth > DEEPEST or self.elements > MOST_ELEMENTS:
            raise ImageError(Flaw.TOO_COMPLEX)
        namespace, _, name = element.rpartition(" ")
        is_foreign = namespace != NAMESPACE
        if self.depth == 1 and (is_foreign or name != "svg"):
            raise ImageError(Flaw.NOT_AN_IMAGE)
        self.texts.clear()
        if self.removed_at:
            return
        if not self.is_cleaned and (is_foreign or name in _REMOVED):
            self.removed_at = self.depth
        elif is_foreign or name not in _DRAWING:
            raise ImageError(Flaw.NOT_A_DRAWING)
        else:
            self.repeats += name == "use"
            self._check_attributes(attributes)

    def _check_attributes(self, attributes: dict[str, str]) -> None:
        for attribute, value in attributes.items():
            name = attribute.rpartition(" ")[2].lower()
            if name.startswith("on"):
                if self.is_cleaned:
                    raise ImageError(Flaw.NOT_A_DRAWING)
            elif name == "href" and not value.strip().startswith("#"):
                raise ImageError(Flaw.REFERS_OUTSIDE)
            elif name == "style":
                _check_style(value)
            elif _REFERENCE.search(value):
                raise ImageError(Flaw.REFERS_OUTSIDE)
            self.repeats += name == "clip-path" or "clip-path" in value.lower()
        if self.repeats > MOST_REPEATS:
            raise ImageError(Flaw.TOO_COMPLEX)

    def _end(self, element: str) -> None:
        if element == f"{NAMESPACE} style" and not self.removed_at:
            sheet = "".join(self.texts)
            _check_style(sheet)
            if "clip-path" in sheet.lower():  # of any number of elements
                raise ImageError(Flaw.TOO_COMPLEX)
        if self.removed_at == self.depth:
            self.removed_at = 0
        self.texts.clear()
        self.depth -= 1


def _check_style(text: str) -> None:
    if _REFERENCE.search(text) or _ACTIVE_STYLE.search(text):
        raise ImageError(Flaw.REFERS_OUTSIDE)
