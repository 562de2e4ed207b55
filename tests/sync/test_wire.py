"""What a device may say, in JSON and in MessagePack alike."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from sync.errors import TooManyError
from sync.ids import new_id
from sync.messages import MOST_TRANSITIONS, Enrol, Push, Result, check_count

NOW = "2026-03-01T10:30:00Z"


def item(**fields: Any) -> dict[str, Any]:
    usual = {"id": str(new_id()), "task": str(new_id()), "state": "600", "sequence": 1}
    return {**usual, "moment": NOW, **fields}


def body(*items: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"device_now": NOW, "transitions": list(items), **fields}


def read(content: dict[str, Any]) -> Push:
    from_json = msgspec.json.decode(msgspec.json.encode(content), type=Push)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(content), type=Push) == from_json
    return from_json


def test_a_plain_transition_is_read() -> None:
    push = read(body(item(moment="2026-03-01T06:30:00-04:00")))
    assert push.transitions[0].moment == datetime(2026, 3, 1, 10, 30, tzinfo=UTC)
    assert push.transitions[0].survey is True


@pytest.mark.parametrize(
    "wrong",
    [
        {"moment": "2026-03-01T10:30:00"},
        {"moment": "0001-01-01T00:00:00Z"},
        {"moment": "9999-12-31T23:59:59Z"},
        {"moment": 1_700_000_000},
        {"sequence": -1},
        {"sequence": 2**63},
        {"sequence": True},
        {"sequence": 1.5},
        {"state": ""},
        {"state": "6" * 65},
        {"state": "6\0"},
        {"note": "n" * 4001},
        {"note": "a\0b"},
        {"email": 5},
        {"id": "not-a-uuid"},
        {"id": "{0197b5c2-9d3e-7c4a-9b1f-2a6d8e0f4c33}"},
        {"id": "urn:uuid:0197b5c2-9d3e-7c4a-9b1f-2a6d8e0f4c33"},
        {"id": "0197b5c2-9d3e7c4a9b1f2a6d8e0f4c33"},
        {"id": "0197b5c2-9d3e-7c4a-9b1f-2a6d8e0f4c33\n"},
        {"id": "0197b5c29d3e7c4a9b1f2a6d8e0f4c33\n"},
        {"task": None},
        {"survey": "yes"},
        {"survey_reason": "the survey was not unticked"},
        {"survey": False, "survey_reason": "r" * 201},
        {"survey": False, "survey_reason": "a\0b"},
        {"technician": "somebody else"},
    ],
)
def test_a_transition_that_cannot_be_kept_spoils_the_body(wrong: dict[str, Any]) -> None:
    for format_ in (msgspec.json, msgspec.msgpack):
        with pytest.raises(msgspec.ValidationError):
            format_.decode(format_.encode(body(item(**wrong))), type=Push)


@pytest.mark.parametrize(
    "wrong",
    [{"device_now": "2026-03-01T10:30:00"}, {"device_now": "9999-01-01T00:00:00Z"}, {"more": 1}],
)
def test_a_push_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(msgspec.json.encode(body(**wrong)), type=Push)


def test_half_a_surrogate_pair_is_no_text() -> None:
    text = msgspec.json.encode(body(item(note="@"))).replace(b'"@"', b'"\\ud800"')
    with pytest.raises(msgspec.MsgspecError):
        msgspec.json.decode(text, type=Push)


def test_the_greatest_sequence_is_the_database_s() -> None:
    assert read(body(item(sequence=2**63 - 1))).transitions[0].sequence == 2**63 - 1


def test_a_note_may_have_lines() -> None:
    assert read(body(item(note="one\ntwo"))).transitions[0].note == "one\ntwo"


def test_five_hundred_transitions_are_the_most() -> None:
    check_count([item()] * MOST_TRANSITIONS)
    with pytest.raises(TooManyError):
        check_count([item()] * (MOST_TRANSITIONS + 1))


@pytest.mark.parametrize("name", ["", "a\nb", "a\u2028b", "a\0b", "n" * 101])
def test_a_device_s_name_is_one_plain_line(name: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(msgspec.json.encode({"code": "X", "name": name}), type=Enrol)


def test_a_reason_is_told_only_where_there_is_one() -> None:
    identity = new_id()
    assert msgspec.json.decode(msgspec.json.encode(Result(str(identity), "accepted"))) == {
        "id": str(identity),
        "verdict": "accepted",
    }
