"""Jinja environments, one for each language, with its labels and number formats."""

from functools import cache
from pathlib import Path
from typing import Final

from babel.numbers import format_decimal, format_percent
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from mail.i18n import LOCALES, translations
from server.web.labels import Words
from server.web.static_files import address_of

FOLDER: Final = Path(__file__).parent.parent


class Numbers:
    """Formats numbers in one locale."""

    def __init__(self, locale: str) -> None:
        self._locale = locale

    def score(self, mean: float) -> str:
        """`mean` with one decimal."""
        return format_decimal(round(mean, 1), "0.0", locale=self._locale)

    def percent(self, share: float) -> str:
        """`share`, 0 to 1, in whole per cent."""
        return format_percent(share, locale=self._locale)

    def count(self, number: int) -> str:
        """`number` with the thousands separators of the locale."""
        return format_decimal(number, locale=self._locale)


@cache
def environment(language: str) -> Environment:
    """The environment of `language` ("fr" or "en").

    Everything is escaped; a name that the context does not have is an error.
    """
    locale = LOCALES[language]
    texts = translations(locale, FOLDER / "locale")
    templates = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        extensions=["jinja2.ext.i18n"],
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.install_gettext_callables(  # type: ignore[attr-defined]  # added by the extension
        texts.gettext, texts.ngettext, newstyle=True
    )
    templates.globals.update(
        locale=locale.replace("_", "-"),
        numbers=Numbers(locale),
        static=address_of,
        words=Words(texts.gettext),
    )
    return templates


def render(template: str, language: str, /, **context: object) -> str:
    """The HTML of `template` with the variables of `context`, in `language` ("fr" or "en")."""
    return environment(language).get_template(template).render(context)
