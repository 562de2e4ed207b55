"""Types of the texts of a campaign, each in several languages."""

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

from rules.questions.scales import Sentiment

#: Languages of texts; a reader of another country's variant gets them too (`mail.i18n`).
Language: TypeAlias = Literal["fr", "en", "es", "fr_CA", "en_CA"]
Line: TypeAlias = Annotated[str, Meta(max_length=200)]
Lines: TypeAlias = dict[Language, Line]
Paragraphs: TypeAlias = dict[Language, Annotated[str, Meta(max_length=4000)]]
Information: TypeAlias = dict[Language, Annotated[str, Meta(max_length=800)]]
Code: TypeAlias = Annotated[str, Meta(pattern=r"\A[a-z0-9_]{1,40}\Z")]
Address: TypeAlias = Annotated[str, Meta(max_length=254)]
Url: TypeAlias = Annotated[str, Meta(max_length=500)]


class Message(Struct, frozen=True, forbid_unknown_fields=True):
    """The mail. Without `sender_address` its sender is the server's default."""

    sender_name: Line
    subject: Lines
    title: Lines
    body: Paragraphs
    sender_address: Address | None = None
    reply_to: Address | None = None


class Page(Struct, frozen=True, forbid_unknown_fields=True):
    """The survey page. `intro`: before the questions. `thanks`: by the sentiment of the rating.

    `redirect_url`: where everybody is led after answering, whatever the rating: no rating may steer
    who is sent to a public review. `closes_with_task`: nobody answers any more once the task is
    closed or cancelled by a later step than the one that asked.
    """

    intro: Paragraphs = {}
    thanks: dict[Sentiment, Paragraphs] = {}
    redirect_url: Url | None = None
    closes_with_task: bool = False
