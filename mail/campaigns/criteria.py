"""The criteria of a definition, and what of an account its campaigns are read with."""

from collections.abc import Collection, Mapping
from datetime import date
from typing import Annotated, TypeAlias
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import Meta, Struct

from rules.campaign import Period, period_of_days
from rules.criteria import Criteria, with_units_below

#: As tasks and customers have them: plain lines without blanks around, capitals as written.
Values: TypeAlias = Annotated[list[Annotated[str, Meta(max_length=200)]], Meta(max_length=200)]
Ids: TypeAlias = Annotated[list[UUID], Meta(max_length=200)]


class Company(Struct, frozen=True):
    """An account as far as its campaigns depend on it.

    `zone`: IANA name, of the days of periods. `children`: of units that have some.
    """

    zone: str
    children: Mapping[UUID, Collection[UUID]]

    def period(self, first: date | None, last: date | None) -> Period:
        """The time from the first to the last day, both included; None is no bound."""
        return period_of_days(first, last, ZoneInfo(self.zone))


class CriteriaNamed(Struct, frozen=True, forbid_unknown_fields=True):
    """A task must have any of the values within each criterion; one that names none admits all.

    `units`: with all below them. `account_managers`: users. `customer_tags`: tags of the customer.
    """

    units: Ids = []
    priorities: Values = []
    reasons: Values = []
    channels: Values = []
    account_managers: Ids = []
    tags: Values = []
    customer_tags: Values = []

    def for_rules(self, company: Company) -> Criteria:
        """The criteria as deciding compares them, units with those below them."""
        return Criteria(
            units=with_units_below(self.units, company.children),
            priorities=frozenset(self.priorities),
            reasons=frozenset(self.reasons),
            channels=frozenset(self.channels),
            account_managers=frozenset(self.account_managers),
            tags=frozenset(self.tags),
            customer_tags=frozenset(self.customer_tags),
        )
