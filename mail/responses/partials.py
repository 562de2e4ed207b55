"""Ratings that were chosen on the page and not sent: no answers, and counted nowhere."""

from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec import Struct

from mail.campaigns.formats import decode_content
from mail.campaigns.questions import LEAD
from rules.questions.scales import SCALES, RatingKind, Scale
from sync.database import Tx, run
from sync.tokens import digest, referred


class UnsentRating(Struct, frozen=True):
    """A value on the scale of `kind` that was chosen last, at `chosen_at` (UTC)."""

    kind: RatingKind
    value: int
    chosen_at: datetime

    @property
    def scale(self) -> Scale:
        """The values that there are."""
        return SCALES[self.kind]

    @property
    def stars(self) -> int:
        """The value, where it is of stars."""
        return self.value


_FIND: Final = """
SELECT i.id, v.content, v.format
FROM link l
JOIN invitation i ON (i.account, i.id) = (l.account, l.invitation)
JOIN campaign_version v ON (v.account, v.campaign, v.version) = (i.account, i.campaign, i.version)
WHERE l.account = $1 AND l.token_hash = $2 AND i.deadline > $3
  AND NOT EXISTS (SELECT FROM answer WHERE account = i.account AND invitation = i.id)
"""
_KEEP: Final = """
INSERT INTO answer_partial (account, invitation, question, kind, value, chosen_at)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (account, invitation, question) DO UPDATE
SET kind = excluded.kind, value = excluded.value, chosen_at = excluded.chosen_at
"""
_FORGET: Final = """
DELETE FROM answer_partial p USING link l
WHERE l.account = $1 AND l.token_hash = $2 AND (p.account, p.invitation) = ($1, l.invitation)
"""
_OF_TASK: Final = """
SELECT p.kind, p.value, p.chosen_at
FROM answer_partial p
JOIN invitation i ON (i.account, i.id) = (p.account, p.invitation)
WHERE p.account = $1 AND i.account = $1 AND i.task = $2 AND p.question = $3
  AND NOT EXISTS (SELECT FROM answer WHERE account = $1 AND invitation = i.id)
ORDER BY p.chosen_at DESC LIMIT 1
"""


async def keep_choice(token: str, value: int | None) -> None:
    """Keep the rating that was chosen on the page of a link and not sent.

    Nothing is kept of a survey that is not open, is answered, or has no such value.
    """
    ref = referred(token)

    async def work(tx: Tx) -> None:
        row = await tx.fetchrow(_FIND, tx.account, digest(ref.hash), tx.now)
        if row is None:
            return
        lead = decode_content(row["content"], row["format"]).lead
        if value in lead.scale.values:
            await tx.execute(_KEEP, tx.account, row["id"], LEAD, lead.kind, value, tx.now)

    await run(ref.account, work)


async def forget_choice(token: str) -> None:
    """Delete what was chosen on the page of a link and not sent: now there is an answer.

    Until then, nobody is shown it beside the answer.
    """
    ref = referred(token)

    async def work(tx: Tx) -> None:
        await tx.execute(_FORGET, tx.account, digest(ref.hash))

    await run(ref.account, work)


async def read_unsent(tx: Tx, task: UUID) -> UnsentRating | None:
    """Return what was chosen last in a survey about `task` that has no answer."""
    row = await tx.fetchrow(_OF_TASK, tx.account, task, LEAD)
    return None if row is None else UnsentRating(**row)
