"""Which tasks a campaign asks about: criteria on frozen facts (21) and samples of rounds (12)."""

import json
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.criteria import EVERY_TASK, NO_FACTS, Criteria, Facts, in_sample, with_units_below
from tests.rules.samples import criteria, facts

CASES: Final[list[dict[str, Any]]] = json.loads(
    Path(__file__).with_name("criteria.json").read_text("utf-8")
)
CAMPAIGN, OTHER = UUID(int=77), UUID(int=78)
ROUNDS: Final = 10_000


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_21_criteria_are_judged_on_facts_as_the_table_says(case: dict[str, Any]) -> None:
    """The app is held to the same table: `tests/technician/test_asks.py`."""
    chosen = msgspec.convert(case["criteria"], Criteria)
    assert chosen.admit(msgspec.convert(case["facts"], Facts)) is case["admits"]


def values(fact: object) -> set[object]:
    """A fact as a set of values."""
    return set(fact) if isinstance(fact, tuple) else {fact}


#: Each criterion with its fact.
PAIRS: Final = {
    "units": "unit",
    "priorities": "priority",
    "reasons": "reason",
    "channels": "channel",
    "account_managers": "account_manager",
    "tags": "tags",
    "customer_tags": "customer_tags",
}


@given(criteria(), facts())
def test_any_value_within_a_criterion_and_all_criteria_together(
    chosen: Criteria, given_facts: Facts
) -> None:
    assert set(PAIRS) == set(Criteria.__struct_fields__)
    assert chosen.admit(given_facts) == all(
        not getattr(chosen, criterion)
        or getattr(chosen, criterion) & values(getattr(given_facts, fact))
        for criterion, fact in PAIRS.items()
    )


def test_without_criteria_every_task_is_asked_about() -> None:
    assert EVERY_TASK.admit(NO_FACTS)


UNITS = st.integers(0, 12).map(lambda number: UUID(int=number))


@given(st.dictionaries(UNITS, st.none() | UNITS), st.sets(UNITS, max_size=3))
def test_a_unit_counts_with_all_below_it(
    parents: dict[UUID, UUID | None], named: set[UUID]
) -> None:
    """Of any tree, and of what is none."""

    def is_below(unit: UUID, seen: frozenset[UUID] = frozenset()) -> bool:
        parent = parents.get(unit)
        return unit in named or (
            parent is not None and unit not in seen and is_below(parent, seen | {unit})
        )

    children: dict[UUID, list[UUID]] = {}
    for unit, parent in parents.items():
        if parent is not None:
            children.setdefault(parent, []).append(unit)
    expected = named | {unit for unit in parents if is_below(unit)}
    assert with_units_below(named, children) == expected


def sample(percent: int, campaign: UUID = CAMPAIGN, number: int = 1) -> set[int]:
    """Those of so many tasks that are in the sample."""
    return {task for task in range(ROUNDS) if in_sample(campaign, UUID(int=task), number, percent)}


@pytest.mark.parametrize("percent", [1, 10, 33, 50, 90, 99])
def test_12_a_sample_has_its_share_of_the_tasks(percent: int) -> None:
    """Within four standard deviations; the tasks are given, so it is the same every time."""
    mean = ROUNDS * percent / 100
    deviation = (mean * (1 - percent / 100)) ** 0.5
    assert abs(len(sample(percent)) - mean) < 4 * deviation


def test_12_each_round_and_each_campaign_has_its_own_chance() -> None:
    first = sample(50)
    for other in (sample(50, number=2), sample(50, OTHER)):
        assert abs(len(first & other) - ROUNDS / 4) < 200


@given(st.uuids(), st.uuids(), st.integers(1, 1000), st.integers(1, 99))
def test_whoever_is_in_a_sample_stays_in_a_larger_one(
    campaign: UUID, task: UUID, number: int, percent: int
) -> None:
    smaller = in_sample(campaign, task, number, percent)
    assert smaller <= in_sample(campaign, task, number, percent + 1)
    assert smaller == in_sample(campaign, task, number, percent)
    assert in_sample(campaign, task, number, 100)


def test_a_sample_is_the_same_in_every_release() -> None:
    """What was left out once is not asked after an upgrade."""
    tasks = [UUID(int=number) for number in range(40)]
    drawn = [number for number, task in enumerate(tasks) if in_sample(CAMPAIGN, task, 1, 10)]
    assert drawn == [3, 23]
