"""Campaigns are found by task type and state, without looking at the others."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.campaign import Campaign, Rule, Status
from rules.matching import CampaignIndex
from tests.rules.samples import (
    CLOSED,
    DONE,
    INSTALLATION,
    ON_SITE,
    SERVICE_CALL,
    TO_RECONTACT,
    campaign,
)

TYPES = [SERVICE_CALL, INSTALLATION]
STATES = [DONE, TO_RECONTACT, CLOSED]
RULE = st.builds(
    Rule, st.frozensets(st.sampled_from(TYPES)), st.frozensets(st.sampled_from(STATES))
)
ANY = st.builds(
    lambda rules, status: campaign(rules=tuple(rules), status=status),
    st.lists(RULE, max_size=3),
    st.sampled_from(Status),
)


def test_a_campaign_is_found_by_its_task_type_and_by_each_of_its_states() -> None:
    asked = campaign()
    index = CampaignIndex([asked])
    assert index.matching(SERVICE_CALL) == (asked,)
    assert index.for_transition(SERVICE_CALL, DONE) == (asked,)
    assert index.for_transition(SERVICE_CALL, TO_RECONTACT) == (asked,)


def test_other_task_types_and_states_find_nothing() -> None:
    index = CampaignIndex([campaign()])
    assert index.matching(INSTALLATION) == ()
    assert index.for_transition(SERVICE_CALL, ON_SITE) == ()
    assert index.for_transition(INSTALLATION, DONE) == ()


def test_a_campaign_whose_rules_overlap_is_found_once() -> None:
    twice = campaign(rules=campaign().rules * 2)
    index = CampaignIndex([twice])
    assert index.matching(SERVICE_CALL) == (twice,)
    assert index.for_transition(SERVICE_CALL, DONE) == (twice,)


@pytest.mark.parametrize(
    ("status", "found"),
    [
        (Status.DRAFT, False),
        (Status.ACTIVE, True),
        (Status.PAUSED, True),
        (Status.ARCHIVED, False),
    ],
)
def test_only_live_campaigns_are_found(status: Status, found: bool) -> None:
    index = CampaignIndex([campaign(status=status)])
    assert bool(index.matching(SERVICE_CALL)) is found
    assert bool(index.for_transition(SERVICE_CALL, DONE)) is found


def test_a_campaign_is_found_among_ten_thousand_others() -> None:
    elsewhere = (Rule(frozenset({INSTALLATION}), frozenset({DONE})),)
    many = [campaign(id=UUID(int=n), rules=elsewhere) for n in range(10_000)]
    assert CampaignIndex([*many, campaign()]).for_transition(SERVICE_CALL, DONE) == (campaign(),)


@given(st.lists(ANY, max_size=4), st.sampled_from(TYPES), st.sampled_from(STATES))
def test_the_index_finds_what_asking_every_campaign_would(
    campaigns: list[Campaign], task_type: UUID, state: str
) -> None:
    live = [one for one in campaigns if one.status in {Status.ACTIVE, Status.PAUSED}]
    named = [one for one in live if any(task_type in rule.task_types for rule in one.rules)]
    index = CampaignIndex(campaigns)
    assert list(index.matching(task_type)) == named
    expected = [one for one in named if state in one.states_for(task_type)]
    assert list(index.for_transition(task_type, state)) == expected
