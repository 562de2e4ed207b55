"""Texts for the codes of this package, and for errors: msgids, translated where they are shown."""

from collections.abc import Callable, Mapping
from typing import Final

from msgspec import Struct


def _(text: str) -> str:
    """Mark `text` for the catalogues; it is translated where it is shown."""
    return text


class Phrase(Struct, frozen=True):
    """A msgid with its values, which may be phrases themselves."""

    text: str
    values: Mapping[str, object] = {}

    def words(self, translate: Callable[[str], str] = str) -> str:
        """The phrase in the language of `translate`; in English without it."""
        said = {
            name: value.words(translate) if isinstance(value, Phrase) else value
            for name, value in self.values.items()
        }
        return translate(self.text) % said if said else translate(self.text)


class WordedError(Exception):
    """An error whose text is a phrase; `str` says it in English."""

    def __init__(self, text: str, /, **values: object) -> None:
        """`text`: a msgid; `values`: of its placeholders, each perhaps a phrase."""
        super().__init__(text)
        self.phrase = Phrase(text, values)

    def __str__(self) -> str:
        """The text in English."""
        return self.phrase.words()


#: What both ends of a scale mean, by its kind; stars need no words.
SCALE_ENDS: Final[Mapping[str, tuple[str, str]]] = {
    "thumbs": (_("Not good"), _("Good")),
    "effort": (_("Very difficult"), _("Very easy")),
    "nps": (_("Not at all likely"), _("Extremely likely")),
}

#: What an account has to say of itself before anything is sent, by the field that is missing.
LACKING: Final = {
    "legal_name": _("Mails need the company's legal name: PUT /api/v1/sender, or Sender page."),
    "postal_address": _("Mails need a postal address: PUT /api/v1/sender, or Sender page."),
    "reach": _(
        "Mails need a phone number, e-mail or web address: PUT /api/v1/sender, or Sender page."
    ),
}

#: Why an uploaded file is not kept as an image, by the flaw (`mail.assets.flaws.Flaw`).
IMAGE_FLAWS: Final = {
    "not_an_image": _("This is neither a PNG nor an SVG image."),
    "too_large": _("An image has at most 64 KiB, also as it is kept."),
    "broken": _("This image is broken or cut short: save it again from the drawing program."),
    "many_pixels": _("A PNG has at most 512 by 512 pixels: make it smaller, then upload it again."),
    "animated": _("Animated images are not kept: save one picture of it."),
    "not_utf8": _("An SVG must be written in UTF-8."),
    "document_type": _("An SVG must not have a document type: remove the line <!DOCTYPE ...>."),
    "refers_outside": _("An SVG must not refer to other files or addresses, in its styles either."),
    "not_a_drawing": _(
        "An SVG must contain shapes and texts only: no pictures, links, animations, filters,"
        " patterns or web pages."
    ),
    "too_complex": _("This SVG is nested too deep, or repeats or clips its parts too often."),
}

#: Why a campaign's definition is refused, by the code of `mail.campaigns.validation.Problem`.
PROBLEMS: Final = {
    "required": _("This must be filled in."),
    "negative": _("This cannot be negative."),
    "not_positive": _("This must be more than zero."),
    "not_whole_minutes": _("This must be in whole minutes."),
    "too_long": _("This is too long."),
    "same_as_primary": _("The second address must be another one than the first."),
    "not_a_delay": _("Write it as DD:HH:MM, such as 00:12:00 for twelve hours."),
    "not_an_address": _("This is not an e-mail address."),
    "not_a_secure_link": _(
        "This is not a web address that starts with https:// and is written without accents."
    ),
    "not_a_link": _("This is not a web address that starts with https:// or http://."),
    "forbidden_characters": _("This contains line breaks or control characters."),
    "ends_before_start": _("The last day must not be before the first."),
    "past_deadline": _(
        "The last reminder would come when answers are no longer taken. Choose fewer reminders or"
        " days between them, or a later deadline."
    ),
    "not_an_icon_each": _(
        "Give each value of the scale its icon, from the worst to the best: 2 for thumbs, 5 for"
        " stars, 7 for effort, 11 for the NPS."
    ),
    "too_few_colours": _("Choose two or three colours, from the worst value to the best."),
    "not_a_colour": _("Write the colour as #rrggbb, such as #0a7d32."),
    "blanks_around": _("This begins or ends with a blank."),
    "repeated": _("This code is already used in the list."),
    "reserved": _("This key belongs to another question: choose another one."),
    "not_on_scale": _("This value is not on the scale of the question."),
    "asked_already": _("The leading question measures the NPS already."),
    "too_few_choices": _("A list has at least two entries to choose from."),
    "too_many_choices": _("The questions have more than 500 entries to choose from, all told."),
    "unknown_category": _("The question bank has no question in this category."),
    "unknown_question": _("The categories have no such question to leave out."),
    "no_question_left": _("Not a single question of the bank is left to ask."),
    "too_many_questions": _(
        "These are more than 100 questions, or more than 500 entries to choose from."
    ),
    "other_kind": _("Questions of this kind do not have this."),
}
