"""Jinja: one environment for each language, with the words and numbers of that language."""

from functools import cache
from pathlib import Path
from typing import Final

from babel.numbers import format_decimal
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from mail.i18n import LOCALES, translations
from server.web.labels import Words
from server.web.static_files import address_of

FOLDER: Final = Path(__file__).parent.parent


class Numbers:
    """Writes figures in one locale."""

    def __init__(self, locale: str) -> None:
        self._locale = locale

    def score(self, mean: float) -> str:
        """A mean to one decimal."""
        return format_decimal(round(mean, 1), "0.0", locale=self._locale)

    def count(self, number: int) -> str:
        """A whole number with its groups of thousands."""
        return format_decimal(number, locale=self._locale)


@cache
def environment(language: str) -> Environment:
    """The environment of `language` ("fr" or "en"). Everything is escaped, nothing is optional."""
    locale = LOCALES[language]
    texts = translations(locale, FOLDER / "locale")
    made = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        extensions=["jinja2.ext.i18n"],
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.install_gettext_callables(  # type: ignore[attr-defined]  # added by the extension
        texts.gettext, texts.ngettext, newstyle=True
    )
    made.globals.update(
        locale=locale.replace("_", "-"),
        numbers=Numbers(locale),
        static=address_of,
        words=Words(texts.gettext),
    )
    return made


def render(template: str, language: str, /, **context: object) -> str:
    """The page that `template` makes of `context`, in `language` ("fr" or "en")."""
    return environment(language).get_template(template).render(context)
