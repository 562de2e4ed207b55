"""The account's cap: at most so many surveys go to an address in a period, over all campaigns.

It is cached with the campaigns and read again when their revision has changed. What waits is judged
by it at its release, so a changed cap moves nothing.
"""

from typing import Annotated, Final

from msgspec import Meta, Struct
from msgspec.structs import asdict

from mail.campaigns.revision import increment_revision
from rules.at_release import Cap
from sync.audit import AuditChange, between, record
from sync.database import Tx
from sync.ids import locator


class SurveyCap(Struct, frozen=True, forbid_unknown_fields=True):
    """At most so many `surveys` go to an address in a period of so many civil `days`.

    By the clocks of the location of the task that would be asked about.
    """

    surveys: Annotated[int, Meta(ge=1, le=20)]
    days: Annotated[int, Meta(ge=1, le=365)]

    @property
    def rule(self) -> Cap:
        """The same as the rules know it."""
        return Cap(self.surveys, self.days)


_READ: Final = "SELECT surveys, days FROM survey_cap WHERE account = $1"
_SAVE: Final = """
INSERT INTO survey_cap (account, surveys, days) VALUES ($1, $2, $3)
ON CONFLICT (account) DO UPDATE SET surveys = excluded.surveys, days = excluded.days
"""
_REMOVE: Final = "DELETE FROM survey_cap WHERE account = $1"


async def read_cap(tx: Tx) -> SurveyCap | None:
    """Return the account's cap, or None where there is none."""
    row = await tx.fetchrow(_READ, tx.account)
    return None if row is None else SurveyCap(**row)


async def set_cap(tx: Tx, cap: SurveyCap | None) -> None:
    """Save the account's cap; None removes it. No change if it is the same."""
    await increment_revision(tx)
    before = await read_cap(tx)
    if cap == before:
        return
    changed = f"cap/{locator(tx.account)}"
    if cap is None and before is not None:
        await tx.execute(_REMOVE, tx.account)
        await record(tx, "cap.write", [AuditChange(changed, asdict(before), None)])
    elif cap is not None:
        await tx.execute(_SAVE, tx.account, cap.surveys, cap.days)
        await record(tx, "cap.write", [between(changed, before, cap)])
